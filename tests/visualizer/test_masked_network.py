"""The masked network, against one written out by hand."""

import pytest
import torch
from sample import NETWORKS, images_of, randomized
from torch import nn
from torch.nn import functional as F

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import LeNet
from gcm.model.base import Classifier
from gcm.visualizer.masked_network import MaskedNetwork, Thresholds

SPEC = ImageSpec.of(1, 16, 5)


def lenet():
    return randomized(LeNet(SPEC, (4, 6))).double().eval()


@pytest.mark.parametrize("output", [None, 0.0])
def test_units_up_to_their_threshold_are_forced_to_0_in_all_copies(output):
    network, images = lenet(), images_of(SPEC, 3, torch.float64)
    copies = torch.rand(3, 7, 1, 16, 16, dtype=torch.float64)
    masked = MaskedNetwork.of_images(network, images, Thresholds(first=0.2, hidden=0.1, output=output))
    found = masked(copies)
    for image, its_copies, its_logits in zip(images, copies, found, strict=True):
        first = F.relu(network.convolution1(image[None]))
        second = F.relu(network.convolution2(F.max_pool2d(first, 2)))
        logits = network.linear(F.max_pool2d(second, 2).flatten(1))
        hidden = F.relu(network.convolution1(its_copies)) * (first > 0.2)
        hidden = F.relu(network.convolution2(F.max_pool2d(hidden, 2))) * (second > 0.1)
        expected = network.linear(F.max_pool2d(hidden, 2).flatten(1))
        if output is not None:
            expected = expected * (logits > 0)
        torch.testing.assert_close(its_logits, expected)
    one = masked.subset(torch.tensor([2]))
    torch.testing.assert_close(one(copies[2:]), found[2:])


class Identity(Classifier):
    """ReLU, then each pixel is a class."""

    def __init__(self, in_place):
        super().__init__(ImageSpec.of(1, 2, 4))
        self.relu = nn.ReLU(inplace=in_place)
        self.ignored = in_place

    def forward(self, images):
        values = images * 1
        activations = self.relu(values)
        return (values if self.ignored else activations).flatten(1)


@pytest.mark.parametrize("in_place", [True, False])
def test_an_activation_at_its_threshold_is_masked(in_place):
    network = Identity(in_place)
    images = torch.tensor([[[[0.25, 0.5], [0.0, 1.0]]]])
    masked = MaskedNetwork.of_images(network, images, Thresholds(first=0.25))
    noisy = torch.full((1, 2, 1, 2, 2), 3.0)
    assert masked(noisy).tolist() == [[[0, 3, 0, 3]] * 2]
    assert masked.without_masks()(noisy).tolist() == [[[3, 3, 3, 3]] * 2]


def test_without_thresholds_it_is_the_network():
    network, images = lenet(), images_of(SPEC, 2, torch.float64)
    masked = MaskedNetwork.of_images(network, images, Thresholds(first=None, hidden=None))
    assert torch.equal(masked(images.unsqueeze(1)).squeeze(1), network(images))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_the_zoo_can_be_masked(name):
    spec = ImageSpec.of(3, 16, 5)
    network = randomized(NETWORKS[name](spec)).eval()
    images = images_of(spec, 2)
    masked = MaskedNetwork.of_images(network, images, Thresholds(first=1.0))
    copies = images.unsqueeze(1).expand(-1, 3, -1, -1, -1)
    found = masked(copies)
    assert found.shape == (2, 3, 5)
    torch.testing.assert_close(found[:, 0], found[:, 2])
    assert not torch.allclose(found[:, 0], network(images))


def test_other_activations_are_refused():
    network = lenet()
    network.relu2 = nn.Tanh()
    with pytest.raises(
        InputError, match="a noise mask is defined for ReLU networks; LeNet has other activations: Tanh"
    ):
        MaskedNetwork.of_images(network, images_of(SPEC, 1, torch.float64), Thresholds())
