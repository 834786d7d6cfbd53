"""The gradient family, on facts that can be computed by hand."""

import pytest
import torch
from sample import images_of, randomized
from torch import nn

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import CNN
from gcm.visualizer import (
    Deconvnet,
    GuidedBackprop,
    GuidedGradCAM,
    InputXGradient,
    IntegratedGradients,
    Occlusion,
    Random,
    Saliency,
    SmoothGrad,
)
from gcm.visualizer.forward_pass import COPIED_AT_ONCE

SPEC = ImageSpec.of(3, 16, 4)


def linear_network(classes=3, bias=True):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, classes, bias=bias)).double()


def test_on_a_linear_network_all_say_what_its_weights_say():
    network, images = linear_network(), torch.rand(2, 1, 8, 8, dtype=torch.float64)
    weights = network[1].weight.view(3, 1, 8, 8).detach()
    products = weights * images.unsqueeze(1)  # (B,K,C,H,W)
    for visualizer in (Saliency(), SmoothGrad(samples=3)):
        torch.testing.assert_close(visualizer(network, images).maps, weights.expand(2, -1, -1, -1, -1))
    for visualizer in (InputXGradient(), IntegratedGradients(steps=1), Occlusion(patch=1)):
        torch.testing.assert_close(visualizer(network, images).maps, products)
    squares = products.unfold(3, 4, 4).unfold(4, 4, 4).sum((5, 6))
    torch.testing.assert_close(Occlusion(patch=4)(network, images).maps, squares)


@pytest.mark.parametrize("visualizer", [Saliency(), GuidedBackprop(), Deconvnet(), GuidedGradCAM()], ids=repr)
def test_a_batch_that_is_explained_in_parts(visualizer):
    """Each image keeps its own classes."""
    network, images = randomized(CNN(SPEC)).double(), images_of(SPEC, COPIED_AT_ONCE + 5, dtype=torch.float64)
    targets = torch.randint(len(SPEC.classes), (len(images), 2))
    pieces = zip(images.split(7), targets.split(7), strict=True)
    expected = torch.cat([visualizer(network, *piece).maps for piece in pieces])
    torch.testing.assert_close(visualizer(network, images, targets).maps, expected)


def test_smooth_grad_without_noise_is_the_gradient():
    network, images = randomized(CNN(SPEC)).double(), images_of(SPEC, dtype=torch.float64)
    expected = Saliency()(network, images).maps
    torch.testing.assert_close(SmoothGrad(samples=2, deviation=0.0)(network, images).maps, expected)


def test_smooth_grad_draws_once_for_all_images_and_classes():
    """y_k = sum of x² + k x: the gradient is 2 x + k, so what noise adds is twice its mean, everywhere alike."""

    class Square(nn.Module):
        def forward(self, images):
            return torch.stack([(images**2 + k * images).sum((1, 2, 3)) for k in range(2)], 1)

    images = torch.rand(3, 1, 6, 6, dtype=torch.float64)
    maps = SmoothGrad(samples=5, deviation=0.3)(Square(), images).maps
    added = maps - torch.stack([2 * images, 2 * images + 1], 1)
    torch.testing.assert_close(added, added[:1, :1].expand_as(added))
    assert added.abs().max() > 0.05
    assert added.std() == pytest.approx(2 * 0.3 / 5**0.5, rel=0.4)
    again = SmoothGrad(samples=5, deviation=0.3, seed=1)(Square(), images).maps
    assert not torch.allclose(again, maps)


def test_integrated_gradients_are_complete():
    network, images = randomized(CNN(SPEC)).double(), images_of(SPEC, dtype=torch.float64)
    with torch.no_grad():
        expected = network.eval()(images) - network(torch.zeros_like(images))
    errors = [
        (IntegratedGradients(steps)(network, images).maps.sum((2, 3, 4)) - expected).abs().max() for steps in (1, 8, 64)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.03 * expected.abs().max()


def test_integrated_gradients_of_a_polynomial_are_exact():
    """y = sum of x³: the integral of 3 (a x)² over a is x², and two points are exact up to degree 3."""

    class Cube(nn.Module):
        def forward(self, images):
            return (images**3).flatten(2).sum(2)

    images = torch.rand(2, 1, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(IntegratedGradients(steps=2)(Cube(), images).maps[:, 0], images**3)


def test_a_deconvnet_passes_where_the_relu_was_closed():
    """y = relu(x) - relu(-x), x = image - 1/2: a deconvnet lets the first way through everywhere, guided backprop where x is positive."""

    class TwoWays(nn.Module):
        def forward(self, images):
            centred = images - 0.5
            return (centred.relu() - (-centred).relu()).flatten(2).sum(2)

    images = torch.tensor([[[[1.0, 0.0]]]])
    assert Deconvnet()(TwoWays(), images).maps.flatten().tolist() == [1.0, 1.0]
    assert GuidedBackprop()(TwoWays(), images).maps.flatten().tolist() == [1.0, 0.0]


def test_occlusion_covers_with_its_value():
    network, images = linear_network(), torch.rand(2, 1, 8, 8, dtype=torch.float64)
    weights = network[1].weight.view(3, 1, 8, 8).detach()
    expected = weights * (images - 0.25).unsqueeze(1)
    torch.testing.assert_close(Occlusion(patch=1, value=0.25)(network, images).maps, expected)


def test_a_patch_that_does_not_divide_the_image_is_refused():
    message = r"patch must divide 16x16 pixels, got 5; allowed: 1, 2, 4, 8, 16"
    assert Occlusion(patch=5).misfit(CNN(SPEC)) == "patch must divide 16x16 pixels, got 5; allowed: 1, 2, 4, 8, 16"
    with pytest.raises(InputError, match=message):
        Occlusion(patch=5)(CNN(SPEC), images_of(SPEC))
    with pytest.raises(InputError, match="patch must divide 8x8 pixels, got 3"):
        Occlusion(patch=3)(linear_network(), torch.rand(1, 1, 8, 8, dtype=torch.float64))


@pytest.mark.parametrize("visualizer", [SmoothGrad(2), Random()], ids=repr)
def test_noise_does_not_hang_on_the_default_type(visualizer):
    spec = ImageSpec.of(1, 16, 3)
    network, images = CNN(spec, widths=(4, 6, 8)), images_of(spec)
    expected = visualizer(network, images).maps
    torch.set_default_dtype(torch.float64)
    try:
        torch.testing.assert_close(visualizer(network, images).maps, expected)
    finally:
        torch.set_default_dtype(torch.float32)
