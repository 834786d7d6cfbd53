"""Backwards through a path network, against transposed convolutions by hand."""

import pytest
import torch
from torch.nn import functional as F

from gcm.data import ImageSpec
from gcm.model import LeNet
from gcm.study.filter_image.deconvolution import deconvolution, unpooled
from gcm.study.filter_image.unit import path_signs

SPEC = ImageSpec.of(1, 16, 3)


def lenet(filters=(2, 3)):
    return LeNet(SPEC, filters).eval()


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
    found = deconvolution(network, largest)
    assert found.shape == (2, 1, 1, 16, 16)
    torch.testing.assert_close(found[0], expected)
    torch.testing.assert_close(found[1], expected)


def test_backwards_takes_only_places_that_raise_the_class():
    network = lenet((1, 1))
    with torch.no_grad():
        for layer in (network.convolution1, network.convolution2):
            layer.weight.abs_()
        network.linear.weight.copy_(torch.tensor([[-1.0, -1, -1, -1], [2, -1, -1, -1], [1, -5, -1, -1]]))
    image = deconvolution(network, torch.ones(1, 2, 2))[0, 0, 0]
    assert image[:8, :8].max() == 1
    assert image[12:].max() == 0
    assert image[:, 12:].max() == 0


def test_paths_of_one_filter_add_up_to_it_before_scaling():
    """All weights positive, so that nothing is cut; more filters in one layer than in the other."""
    network = lenet((2, 3))
    with torch.no_grad():
        for layer in (network.convolution1, network.convolution2, network.linear):
            layer.weight.abs_()
    found = deconvolution(network, torch.rand(3, 2, 2))
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
    torch.testing.assert_close(deconvolution(network, largest)[0, 1], deconvolution(turned, largest)[0, 1])
    assert deconvolution(network, largest)[0, 1].max() == 1


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
