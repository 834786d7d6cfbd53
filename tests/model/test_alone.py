"""Images of a batch must not change each other's maps."""

import pytest
import torch
from sample import images_of, randomized
from torch import nn
from torch.nn import functional as F

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import CNN
from gcm.visualizer import LRP, GuidedBackprop, InputXGradient, Occlusion, Random, Saliency, SmoothGrad, Uniform
from gcm.visualizer.noise_mask_search import NoiseMaskSettings, noise_masks

SPEC = ImageSpec.of(1, 8, 3)
IMAGES = images_of(SPEC)
VISUALIZERS = [Saliency(), InputXGradient(), SmoothGrad(2), GuidedBackprop(), LRP(), Occlusion(), Uniform(), Random()]


def network_with(layer: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    first, last = randomized(nn.Conv2d(1, 4, 3)), randomized(nn.Linear(144, 3))
    return nn.Sequential(first, layer, nn.ReLU(), nn.Flatten(), last)


class AlwaysTraining(nn.BatchNorm2d):
    def train(self, mode: bool = True):
        return super().train(True)


class WithoutStatistics(nn.BatchNorm2d):
    """Dropped after training."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.running_mean = self.running_var = None


STATISTICS = {
    "dropped": WithoutStatistics(4),
    "not tracked": nn.BatchNorm2d(4, track_running_stats=False, affine=False),
    "always training": AlwaysTraining(4),
    "synchronized": nn.SyncBatchNorm(4, track_running_stats=False, affine=False),
}


@pytest.mark.parametrize("visualizer", VISUALIZERS, ids=repr)
@pytest.mark.parametrize("name", STATISTICS)
def test_batch_normalisation_over_the_batch_is_refused(name, visualizer):
    with pytest.raises(InputError, match=r"Sequential normalizes by the statistics of the batch \(1\)"):
        visualizer(network_with(STATISTICS[name]), IMAGES)


def test_in_our_own_networks_too():
    network = CNN(SPEC, widths=(4, 6, 8))
    network.trunk[2] = nn.BatchNorm2d(4, track_running_stats=False)
    for look in (lambda: Saliency()(network, IMAGES), lambda: noise_masks(network, IMAGES, NoiseMaskSettings(steps=1))):
        with pytest.raises(InputError, match=r"CNN normalizes by the statistics of the batch \(trunk\.2\)"):
            look()


class Across(nn.Module):
    """A function of the whole batch."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, values):
        return self.function(values)


ACROSS = {
    "difference from the batch": lambda values: values - values.mean(0),
    "softmax over the batch": lambda values: values.softmax(0),
    "neighbour": lambda values: values + values.roll(1, 0),
}
WITHOUT_RULES = [Saliency(), Occlusion(), InputXGradient(), Uniform()]


@pytest.mark.parametrize("visualizer", WITHOUT_RULES, ids=repr)
@pytest.mark.parametrize("name", ACROSS)
def test_other_ways_to_mix_images_are_refused(name, visualizer):
    class Stranger(nn.Sequential):
        pass

    network = Stranger(*network_with(Across(ACROSS[name])))
    with pytest.raises(InputError, match="Stranger gives an image other logits alone than beside another"):
        visualizer(network, IMAGES)
    assert visualizer(network, IMAGES[:1]).maps.isfinite().all()  # alone it is what it is


def test_what_is_not_used_changes_nothing():
    """A part for training alone, and statistics of its own."""

    class Frozen(nn.BatchNorm2d):
        def forward(self, values):
            return F.batch_norm(values, torch.zeros(4), torch.ones(4), eps=self.eps)

    network = network_with(Frozen(4, track_running_stats=False, affine=False))
    network[0].unused = nn.BatchNorm2d(4, track_running_stats=False)
    expected = Saliency()(network_with(nn.BatchNorm2d(4, affine=False)), IMAGES)
    torch.testing.assert_close(Saliency()(network, IMAGES).maps, expected.maps)


def test_batch_norm_as_a_function():
    network = network_with(Across(lambda values: F.batch_norm(values, None, None, training=True)))
    with pytest.raises(InputError, match=r"by the statistics of the batch \(F\.batch_norm\)"):
        Saliency()(network, IMAGES)


def test_the_largest_value_of_a_batch_is_another_image_s():
    brightest_first = torch.cat([torch.ones(1, 1, 8, 8), IMAGES])
    for function in (lambda values: values / values.max(), lambda values: values - values[:1]):
        network = nn.Sequential(Across(function), network_with(nn.Identity()))
        with pytest.raises(InputError, match="other logits alone"):
            Saliency()(network, brightest_first)


def test_noise_is_refused():
    with pytest.raises(InputError, match="nothing may be random"):
        Saliency()(network_with(Across(lambda values: F.dropout(values, training=True))), IMAGES)


@pytest.mark.parametrize(
    "layer", [nn.GroupNorm(2, 4), nn.InstanceNorm2d(4), nn.BatchNorm2d(4), nn.LocalResponseNorm(2)]
)
def test_what_normalizes_each_image_alone_is_explained(layer):
    network = network_with(layer)
    found = Saliency()(network, IMAGES).maps
    alone = torch.cat([Saliency()(network, image.unsqueeze(0)).maps for image in IMAGES])
    torch.testing.assert_close(found, alone)


def test_a_network_for_batches_of_one_size():
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(64, 3)

        def forward(self, images):
            return self.layer(images.view(4, 64))

    assert Saliency()(Fixed(), IMAGES).maps.shape == (4, 3, 1, 8, 8)


def test_another_forward_of_a_part_of_our_own_network():
    network = randomized(CNN(SPEC, widths=(4, 6, 8)))
    assert Saliency()(network, IMAGES).maps.isfinite().all()
    layer = network.trunk[1]
    convolve = layer.forward
    layer.forward = lambda values: convolve(values) - convolve(values).mean(0)
    with pytest.raises(InputError, match="other logits alone"):
        Saliency()(network, IMAGES)


def test_a_network_is_asked_again_once_it_is_another():
    network = network_with(Across(lambda values: values))
    assert Saliency()(network, IMAGES).maps.isfinite().all()
    network[1].function = lambda values: values - values.mean(0)
    with pytest.raises(InputError, match="other logits alone"):
        Saliency()(network, IMAGES)
