"""Gradient ascent, where the best image is known."""

import pytest
import torch

from gcm.data import ImageSpec
from gcm.model import LeNet
from gcm.study.filter_image.activation_maximization import ActivationMaximization, blurred
from gcm.study.filter_image.unit import channels_of

SPEC = ImageSpec.of(1, 16, 3)
STEPS = ActivationMaximization(steps=30)


def lenet(filters=(2, 3)):
    return LeNet(SPEC, filters).eval()


def test_ascent_finds_the_brightest_image_where_that_is_the_answer_and_opens_what_is_closed():
    network = lenet((1, 2))
    with torch.no_grad():
        network.convolution1.weight.fill_(1.0)
        network.convolution1.bias.zero_()
        network.convolution2.weight[0] = 1.0
        network.convolution2.weight[1] = -1.0
        network.convolution2.bias.copy_(torch.tensor([0.0, 1e-3]))
    units = channels_of(network, "relu2")
    found = ActivationMaximization(steps=200, decay=0.0, blur_every=0)(network, units)
    with torch.no_grad():
        at_start, best = units(torch.rand(1, *SPEC.shape))[0], units(torch.ones(1, *SPEC.shape))[0]
        reached = units(found).diagonal()
    assert reached[0] > 0.99 * best[0]
    assert at_start[1] == 0  # the second filter's ReLU is closed all over,
    assert reached[1] > 0  # and is opened all the same


def test_ascent_is_seeded_and_leaves_the_network_alone():
    network = lenet().train()
    units = channels_of(network, "relu2")
    assert torch.equal(STEPS(network, units), STEPS(network, units))
    assert not torch.equal(STEPS(network, units), ActivationMaximization(steps=30, seed=1)(network, units))
    assert network.training
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_wide_blur_is_not_cut_short():
    image = torch.zeros(1, 1, 41, 41)
    image[0, 0, 20, 20] = 1.0
    spread = blurred(image, 3.0)[0, 0].sum(0)
    deviation = (spread * (torch.arange(41) - 20.0).square()).sum().sqrt()
    assert deviation == pytest.approx(3.0, rel=0.03)
    assert blurred(torch.rand(1, 1, 8, 8), 5.0).shape == (1, 1, 8, 8)
