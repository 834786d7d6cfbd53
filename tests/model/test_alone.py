"""Images of a batch must not change each other's maps."""

import pytest
import torch
from sample import images_of, randomized
from torch import nn
from torch.nn import functional as F

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import CNN
from gcm.study.noise_mask import NoiseMaskSettings, noise_masks
from gcm.visualizer import LRP, GuidedBackprop, InputXGradient, Occlusion, Random, Saliency, SmoothGrad, Uniform

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
    with pytest.raises(InputError, match=r"batch normalisation without running statistics \(1\)"):
        visualizer(network_with(STATISTICS[name]), IMAGES)


def test_in_our_own_networks_too():
    network = CNN(SPEC, widths=(4, 6, 8))
    network.trunk[2] = nn.BatchNorm2d(4, track_running_stats=False)
    for look in (lambda: Saliency()(network, IMAGES), lambda: noise_masks(network, IMAGES, NoiseMaskSettings(steps=1))):
        with pytest.raises(InputError, match=r"batch normalisation without running statistics \(trunk\.2\)"):
            look()


class Across(nn.Module):
    """A function of the whole batch."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, values):
        return self.function(values)


ACROSS = {
    "batch norm as a function": lambda values: F.batch_norm(values, None, None, training=True),
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
    with pytest.raises(InputError, match="Stranger gives an image other logits alone than among others"):
        visualizer(network, IMAGES)
    assert visualizer(network, IMAGES[:1]).maps.isfinite().all()  # alone it is what it is


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
