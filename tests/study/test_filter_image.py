"""Favourite inputs, on networks where they are known."""

import pytest
import torch
from torch.nn import functional as F

from gcm.data import ImageSpec, MemorySplit
from gcm.error import InputError
from gcm.model import CNN, GCM, LeNet
from gcm.study.filter_image import (
    Ascent,
    backwards,
    blurred,
    filter_images_of_layer,
    filter_images_of_paths,
    ruled_gradients,
    unpooled,
)
from gcm.study.unit import channels_of, path_signs, paths_of
from gcm.visualizer.guided import DeconvnetReLU, GuidedReLU

SPEC = ImageSpec.of(1, 16, 3)
STEPS = Ascent(steps=30)


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


def test_ascent_finds_the_brightest_image_where_that_is_the_answer_and_opens_what_is_closed():
    network = lenet((1, 2))
    with torch.no_grad():
        network.convolution1.weight.fill_(1.0)
        network.convolution1.bias.zero_()
        network.convolution2.weight[0] = 1.0
        network.convolution2.weight[1] = -1.0
        network.convolution2.bias.copy_(torch.tensor([0.0, 1e-3]))
    units = channels_of(network, "relu2")
    found = Ascent(steps=200, decay=0.0, blur_every=0)(network, units)
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
    assert not torch.equal(STEPS(network, units), Ascent(steps=30, seed=1)(network, units))
    assert network.training
    assert all(parameter.grad is None for parameter in network.parameters())


def test_backwards_is_the_transposed_network_by_hand():
    """One filter a layer, all weights positive: nothing is cut, so the image is the plain transposed chain."""
    network = lenet((1, 1))
    with torch.no_grad():
        for layer in (network.convolution1, network.convolution2, network.linear):
            layer.weight.abs_()
    largest = torch.rand(1, 2, 2)
    back = F.conv_transpose2d(
        largest[None].repeat_interleave(2, 2).repeat_interleave(2, 3), network.convolution2.weight
    )
    image = F.conv_transpose2d(back.repeat_interleave(2, 2).repeat_interleave(2, 3), network.convolution1.weight)
    expected = (image / image.max()).detach()
    found = backwards(network, largest)
    assert found.shape == (2, 1, 1, 16, 16)
    torch.testing.assert_close(found[0], expected)
    torch.testing.assert_close(found[1], expected)


def test_backwards_takes_only_places_that_raise_the_class():
    network = lenet((1, 1))
    with torch.no_grad():
        for layer in (network.convolution1, network.convolution2):
            layer.weight.abs_()
        network.linear.weight.copy_(torch.tensor([[-1.0, -1, -1, -1], [2, -1, -1, -1], [1, -5, -1, -1]]))
    image = backwards(network, torch.ones(1, 2, 2))[0, 0, 0]
    assert image[:8, :8].max() == 1
    assert image[12:].max() == 0
    assert image[:, 12:].max() == 0


def test_paths_of_one_filter_add_up_to_it_before_scaling():
    """All weights positive, so that nothing is cut; more filters in one layer than in the other."""
    network = lenet((2, 3))
    with torch.no_grad():
        for layer in (network.convolution1, network.convolution2, network.linear):
            layer.weight.abs_()
    found = backwards(network, torch.rand(3, 2, 2))
    assert found.shape == (3, 3, 1, 16, 16)
    for j in range(3):
        paths = found[:2, j].flatten(1)  # (F1,H*W)
        fitted = torch.linalg.lstsq(paths.T, found[2, j].flatten().unsqueeze(1))
        torch.testing.assert_close(paths.T @ fitted.solution, found[2, j].flatten().unsqueeze(1), rtol=1e-4, atol=1e-5)
        assert fitted.solution.min() > 0


def test_a_path_that_inhibits_goes_back_with_the_opposite_sign():
    network, turned = lenet((2, 3)), lenet((2, 3))
    turned.load_state_dict(network.state_dict())
    with torch.no_grad():
        turned.convolution2.weight[1, 0] *= -1
    largest = torch.rand(3, 2, 2)
    assert path_signs(network)[0, 1] == -path_signs(turned)[0, 1]
    torch.testing.assert_close(backwards(network, largest)[0, 1], backwards(turned, largest)[0, 1])
    assert backwards(network, largest)[0, 1].max() == 1


@pytest.mark.parametrize("pooling", [torch.nn.MaxPool2d(2), torch.nn.AvgPool2d(2), torch.nn.MaxPool2d(3, 2, 1)])
def test_unpooling_fills_each_value_s_window(pooling):
    """On maps of an odd size, whose last row and column lie in no window of 2 x 2."""
    before, values = torch.zeros(1, 1, 11, 11), torch.zeros(1, 1, *pooling(torch.zeros(1, 1, 11, 11)).shape[2:])
    values[0, 0, 4, 2] = 3.0
    expected = torch.zeros_like(before)
    if pooling.kernel_size == 2:
        expected[0, 0, 8:10, 4:6] = 3.0
    else:
        expected[0, 0, 7:10, 3:6] = 3.0
    assert torch.equal(unpooled(values, pooling, before), expected)


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
    found = filter_images_of_paths("lenet", network, STEPS, split, torch.arange(12))
    assert len(found.names) == len(found.ascent) == len(found.places) == 3 + 6
    assert found.transposed is not None
    for picture in (found.ascent, found.transposed):
        assert picture.shape == (9, *SPEC.shape)
        assert 0 <= picture.min() <= picture.max() <= 1
    with torch.no_grad():
        real = channels_of(network, "relu2")(split.images.float() / 255)
    torch.testing.assert_close(found.answers["real"][:3], real.max(0).values)
    assert found.places[:3].tolist() == real.argmax(0).tolist()
    assert (found.answers["ascent"][:3] >= found.answers["real"][:3]).all()


def test_any_layer_of_any_network():
    found = filter_images_of_layer(
        "gcm", GCM(SPEC, widths=(2, 3, 4)).eval(), "encoder.5", STEPS, split_of(), torch.arange(4)
    )
    assert found.names == ["encoder.5 1", "encoder.5 2"]
    assert found.transposed is None
    assert found.guided.shape == found.deconvnet.shape == (2, *SPEC.shape)


def test_unknown_and_unused_layers_are_refused():
    with pytest.raises(InputError, match=r"LeNet has no layer 'relu3'; did you mean relu2\?.*convolution1"):
        channels_of(lenet(), "relu3")
    network = lenet()
    network.spare = torch.nn.ReLU()
    with pytest.raises(InputError, match="layer spare takes no part in the scores of LeNet"):
        channels_of(network, "spare")(torch.rand(1, *SPEC.shape))


def test_activations_that_the_rules_do_not_reach_are_refused():
    network = lenet()
    network.relu1 = torch.nn.Tanh()
    with pytest.raises(InputError, match="has activations it cannot guide: Tanh"):
        ruled_gradients(network, channels_of(network, "relu1"), torch.rand(2, *SPEC.shape), GuidedReLU)


def test_a_wide_blur_is_not_cut_short():
    image = torch.zeros(1, 1, 41, 41)
    image[0, 0, 20, 20] = 1.0
    spread = blurred(image, 3.0)[0, 0].sum(0)
    deviation = (spread * (torch.arange(41) - 20.0).square()).sum().sqrt()
    assert deviation == pytest.approx(3.0, rel=0.03)
    assert blurred(torch.rand(1, 1, 8, 8), 5.0).shape == (1, 1, 8, 8)
