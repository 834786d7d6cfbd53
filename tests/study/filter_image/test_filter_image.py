"""Favourite inputs, all ways together, on networks where they are known."""

import pytest
import torch
from torch.nn import functional as F

from gcm.data import ImageSpec, MemorySplit
from gcm.error import InputError
from gcm.model import CNN, GCM, LeNet
from gcm.study.filter_image.activation_maximization import ActivationMaximization
from gcm.study.filter_image.numbers import filter_images_of_layer, filter_images_of_paths, ruled_gradients
from gcm.study.filter_image.unit import channels_of, layers_called, path_signs, paths_of
from gcm.visualizer.guided import DeconvnetReLU, GuidedReLU

SPEC = ImageSpec.of(1, 16, 3)
STEPS = ActivationMaximization(steps=30)


def lenet(filters=(2, 3)):
    return LeNet(SPEC, filters).eval()


def test_channels_are_the_means_of_a_layers_maps():
    network, images = lenet(), torch.rand(4, *SPEC.shape)
    with torch.no_grad():
        torch.testing.assert_close(channels_of(network, "relu2")(images), network.features(images).mean((2, 3)))
        torch.testing.assert_close(channels_of(network, "linear")(images), network(images))
    assert not network.relu2._forward_hooks


def test_a_layer_is_seen_as_it_was_before_an_in_place_relu():
    network, images = CNN(SPEC).eval(), torch.rand(2, *SPEC.shape)
    with torch.no_grad():
        assert channels_of(network, "trunk.2")(images).min() < 0  # batch normalisation; trunk.3 is its ReLU


def test_paths_are_what_they_put_into_their_map_or_take_from_it():
    network, images = lenet(), torch.rand(4, *SPEC.shape)
    with torch.no_grad():
        network.convolution2.weight[1, 0] = -network.convolution2.weight[1, 0].abs()
        network.convolution2.weight[2, 1] = network.convolution2.weight[2, 1].abs()
        maps = F.conv2d(network.first_maps(images)[:, :1], network.convolution2.weight[1:2, :1])
        inhibits = F.relu(-maps).mean((1, 2, 3))
        torch.testing.assert_close(paths_of(network)(images)[:, 1], inhibits)
    assert path_signs(network)[0, 1] == -1
    assert path_signs(network)[1, 2] == 1


@pytest.mark.parametrize("rule", [GuidedReLU, DeconvnetReLU])
def test_the_rules_by_hand(rule):
    """A unit's mean over one ReLU: guided passes where the ReLU is open, a deconvnet everywhere."""
    network, image = lenet((2, 1)), torch.rand(1, *SPEC.shape)
    units = channels_of(network, "relu1")
    two = image.repeat(2, 1, 1, 1)
    gradient = ruled_gradients(network, units, two, rule)
    answers = network.convolution1(two).detach()
    signal = torch.full_like(answers, 1 / answers[0, 0].numel())
    if rule is GuidedReLU:
        signal = signal * (answers > 0)
    weight = network.convolution1.weight.detach()
    for unit in range(2):
        expected = F.conv_transpose2d(signal[unit : unit + 1, unit : unit + 1], weight[unit : unit + 1])
        torch.testing.assert_close(gradient[unit : unit + 1], expected)


def split_of(count=12):
    images = torch.randint(0, 256, (count, *SPEC.shape), dtype=torch.uint8)
    return MemorySplit(images, torch.arange(count) % 3)


def test_all_ways_for_filters_and_paths():
    network, split = lenet((2, 3)), split_of()
    found = filter_images_of_paths(network, STEPS, split, torch.arange(12))
    assert len(found.names) == len(found.maximized) == len(found.places) == 3 + 6
    assert found.transposed is not None
    for picture in (found.maximized, found.transposed):
        assert picture.shape == (9, *SPEC.shape)
        assert 0 <= picture.min() <= picture.max() <= 1
    with torch.no_grad():
        real = channels_of(network, "relu2")(split.images.float() / 255)
    torch.testing.assert_close(found.activations["real"][:3], real.max(0).values)
    assert found.places[:3].tolist() == real.argmax(0).tolist()
    assert (found.activations["ascent"][:3] >= found.activations["real"][:3]).all()


def test_any_layer_of_any_network():
    found = filter_images_of_layer(GCM(SPEC, widths=(2, 3, 4)).eval(), "encoder.5", STEPS, split_of(), torch.arange(4))
    assert found.names == ["encoder.5 1", "encoder.5 2"]
    assert found.transposed is None
    assert found.guided.shape == found.deconvnet.shape == (2, *SPEC.shape)


def test_unknown_and_unused_layers_are_refused():
    with pytest.raises(InputError, match=r"LeNet has no layer 'relu3'; did you mean relu2\?.*convolution1"):
        channels_of(lenet(), "relu3")
    network = lenet()
    network.spare = torch.nn.ReLU()
    with pytest.raises(InputError, match="layer spare is not called when LeNet computes its scores"):
        channels_of(network, "spare")(torch.rand(1, *SPEC.shape))


def test_the_layers_called_are_those_that_can_be_looked_at():
    network = GCM(SPEC, widths=(2, 3, 4)).eval()
    names = layers_called(network)
    assert "encoder.0" in names
    assert "decoder.class_layer" not in names  # the scores come from its weights, without its maps
    for name in names:
        assert len(channels_of(network, name)(torch.rand(1, *SPEC.shape))) == 1
    assert not any(module._forward_hooks for module in network.modules())


def test_activations_that_the_rules_do_not_reach_are_refused():
    network = lenet()
    network.relu1 = torch.nn.Tanh()
    with pytest.raises(
        InputError, match="guided backprop is defined for ReLU networks; LeNet has other activations: Tanh"
    ):
        ruled_gradients(network, channels_of(network, "relu1"), torch.rand(2, *SPEC.shape), GuidedReLU)
