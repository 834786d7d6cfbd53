"""Generative Contribution Mappings."""

import pytest
import torch
from sample import images_of, randomized

from gcm.data import ImageSpec
from gcm.model import GCM

SPEC = ImageSpec.of(3, 32, 10)


@pytest.mark.parametrize(("conv_bias", "count"), [(False, 161_338), (True, 161_834)])
def test_parameter_count(conv_bias, count):
    assert GCM(SPEC, conv_bias=conv_bias).parameter_count() == count


@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.parametrize("shared_depth", range(5))
@pytest.mark.parametrize("size", [32, 29, 6])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_scores_are_the_means_of_the_contribution_maps(clipped, shared_depth, size, dtype, tolerance):
    network = randomized(GCM(SPEC, widths=(8, 12, 16), shared_depth=shared_depth, clipped=clipped)).to(dtype).eval()
    images = torch.rand(3, 3, size, size + 1, dtype=dtype)
    maps = network.class_contribution_maps(images)
    assert maps.shape == (3, 10, 3, size, size + 1)
    error = (network(images) - maps.mean((2, 3, 4))).abs().max()
    assert error <= tolerance * maps.abs().mean()


def test_contribution_map_is_weight_map_times_image():
    network, images = GCM(SPEC).eval(), images_of(SPEC)
    weights = network.class_weight_maps(images)
    maps = network.class_contribution_maps(images)
    torch.testing.assert_close(maps[1, 4, 2], weights[1, 4] * images[1, 2])


def test_clipped_weights_are_never_negative():
    network = randomized(GCM(SPEC, clipped=True)).eval()
    weights = network.class_weight_maps(images_of(SPEC))
    assert weights.min() == 0
    assert weights.max() > 0


def test_no_layer_is_shared_at_depth_0():
    """With one whole decoder for each class, changing one class's decoder changes that class's map alone."""
    network, images = GCM(SPEC, widths=(4, 6, 8), shared_depth=0).eval(), images_of(SPEC)
    before = network.class_weight_maps(images)
    per_class = network.decoder.enlarge1.convolution.weight.shape[1] // 10
    with torch.no_grad():
        network.decoder.enlarge1.convolution.weight[:, 3 * per_class : 4 * per_class] += 1
    changed = (network.class_weight_maps(images) != before).any(3).any(2).any(0)
    assert changed.tolist() == [index == 3 for index in range(10)]


def test_parameter_count_of_unshared_decoders():
    """Each class has layers 11 to 15 to itself: 34,992 weights, 192 of batch normalisation, and one bias."""
    decoder = 64 * 32 * 9 + 32 * 32 * 9 + 32 * 16 * 9 + 16 * 16 * 9 + 16 * 9 + 1 + 2 * (32 + 32 + 16 + 16)
    encoder = GCM(SPEC).encoder
    expected = sum(parameter.numel() for parameter in encoder.parameters()) + 10 * decoder
    assert GCM(SPEC, shared_depth=0).parameter_count() == expected


def test_no_map_is_built_for_scores():
    """The largest tensor of a forward pass does not depend on the number of classes."""

    def largest(classes: int) -> int:
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor: sizes.append(tensor.numel()) or tensor, lambda tensor: tensor
        ):
            GCM(ImageSpec.of(3, 32, classes))(images_of(SPEC, count=8))
        return max(sizes)

    assert largest(200) == largest(2)
