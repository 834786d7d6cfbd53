"""An evaluation copy is the same function, and the network stays as it is."""

from copy import deepcopy

import pytest
import torch
from sample import NETWORKS, images_of, randomized
from torch import nn

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import Classifier, evaluation_copy
from gcm.visualizer import CAM, LRP, ClassContributionMaps, DeepTaylor, GradCAM, GuidedBackprop, Saliency

SPEC = ImageSpec.of(3, 32, 5)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_copy_computes_the_same(name):
    spec = ImageSpec.of(1, 28, 5) if "le" in name or "lab" in name else SPEC
    network = randomized(NETWORKS[name](spec)).train()
    before = deepcopy(network.state_dict())
    copy = evaluation_copy(network)
    images = images_of(spec)
    with torch.no_grad():
        torch.testing.assert_close(copy(images), deepcopy(network).eval()(images), rtol=1e-4, atol=1e-4)
    assert type(copy) is type(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in copy.modules())
    assert not any(parameter.requires_grad for parameter in copy.parameters())
    assert not copy.training
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("visualizer", [CAM(), GradCAM(), Saliency(), GuidedBackprop(), LRP(), DeepTaylor()])
def test_maps_of_the_copy(visualizer):
    network = randomized(NETWORKS["cnn"](SPEC)).double().eval()
    copy = evaluation_copy(network, torch.float64)
    images = images_of(SPEC, dtype=torch.float64)
    torch.testing.assert_close(visualizer(copy, images).maps, visualizer(network, images).maps, rtol=1e-6, atol=1e-9)


def test_own_maps_of_the_copy_add_up():
    copy = evaluation_copy(randomized(NETWORKS["gcm_per_class"](SPEC)))
    found = ClassContributionMaps()(copy, images_of(SPEC))
    torch.testing.assert_close(found.maps.sum((2, 3, 4)), found.logits, rtol=1e-4, atol=1e-5)


def test_in_bfloat16_about_two_digits_are_left():
    network = randomized(NETWORKS["cnn"](SPEC)).eval()
    images = images_of(SPEC)
    half = CAM()(evaluation_copy(network, torch.bfloat16), images.bfloat16()).maps
    exact = CAM()(network, images).maps
    assert half.dtype == torch.bfloat16
    assert 0 < (half - exact).abs().max() < 0.05 * exact.abs().max()


class Odd(Classifier):
    """Batch normalisation before its convolution, or called in another order than defined."""

    def __init__(self, swapped: bool) -> None:
        super().__init__(SPEC)
        self.convolution = nn.Conv2d(3, 3, 1)
        self.normalization = nn.BatchNorm2d(3)
        self.linear = nn.Linear(3, 5)
        if not swapped:
            self.between, self.last = nn.ReLU(), nn.BatchNorm2d(3)
        self.swapped = swapped
        nn.init.constant_(self.normalization.running_mean, 5.0)

    def forward(self, images):
        layers = (self.normalization, self.convolution) if self.swapped else (self.convolution, self.normalization)
        for layer in layers:
            images = layer(images).relu()
        return self.linear((images if self.swapped else self.last(images)).mean((2, 3)))


def test_what_cannot_be_folded_is_refused():
    with pytest.raises(InputError, match="last of Odd follow no convolution"):
        evaluation_copy(Odd(swapped=False))
    with pytest.raises(InputError, match="Odd does not call its layers in the order in which it defines them"):
        evaluation_copy(Odd(swapped=True))
