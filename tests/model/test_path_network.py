"""The family "convolution, ReLU, pooling, convolution, ReLU, pooling, linear", however it is built."""

import pytest
import torch
from torch import nn

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import LeNet, PathNetwork

SPEC = ImageSpec.of(3, 20, 5)


def layers(pooling2=None, bias=True, outputs=5, activation=nn.ReLU):
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=1, padding=1, bias=bias),
        activation(),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 6, 3, stride=2, padding=2, dilation=2, bias=bias),
        nn.ReLU(inplace=True),
        pooling2 or nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True),
        nn.Flatten(),
        nn.Linear(6 * (4 if isinstance(pooling2, nn.AvgPool2d) else 9), outputs, bias=bias),
    )


@pytest.mark.parametrize("pooling2", [None, nn.AvgPool2d(2)])
@pytest.mark.parametrize("bias", [True, False])
def test_any_network_of_the_family_splits_exactly(pooling2, bias):
    sequential = layers(pooling2, bias).double()
    network = PathNetwork.from_sequential(sequential, SPEC)
    images = torch.rand(3, *SPEC.shape, dtype=torch.float64)
    account = network.contributions(images)
    assert account.parts.shape == (3, 5, 4, 6)
    torch.testing.assert_close(account.logits, sequential(images), rtol=0, atol=1e-13)
    torch.testing.assert_close(account.parts.sum((2, 3)) + account.rest, sequential(images), rtol=0, atol=1e-13)
    if not bias:
        assert account.rest.abs().max() == 0


def test_the_small_maps_add_up_to_the_paths():
    network = LeNet(ImageSpec.of(1, 28, 10), (2, 4)).double()
    images = torch.rand(3, 1, 28, 28, dtype=torch.float64)
    maps = network.path_contribution_maps(images)
    assert maps.shape == (3, 10, 2, 4, 5, 5)
    parts = network.contributions(images).parts
    torch.testing.assert_close(maps.sum((4, 5)), parts, rtol=0, atol=1e-13)
    targets = torch.tensor([[7], [0], [9]])
    wanted = network.path_contribution_maps(images, targets).sum((4, 5))[:, 0]
    torch.testing.assert_close(wanted, parts[torch.arange(3), targets[:, 0]], rtol=0, atol=1e-13)


def test_a_first_filter_that_is_cut_off_takes_just_its_own_paths_with_it():
    """With the switches held, taking a filter's paths away lowers each logit by what they brought."""
    network = LeNet(ImageSpec.of(1, 28, 10), (3, 1)).double()
    with torch.no_grad():
        network.convolution2.weight.abs_()
        network.convolution2.bias.fill_(100.0)  # every ReLU stays open; only poolings could switch
        network.convolution2.weight[:, 1:] = 0
    images = torch.rand(2, 1, 28, 28, dtype=torch.float64)
    account = network.contributions(images)
    assert account.parts[:, :, 1:].abs().max() == 0
    with torch.no_grad():
        network.convolution2.weight.zero_()
    torch.testing.assert_close(account.logits - network(images), account.parts[:, :, 0, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("sequential", "message"),
    [
        (lambda: layers(activation=nn.Tanh), "layer 1 is Tanh; a path network has Conv2d, ReLU, pooling"),
        (lambda: layers()[:-1], "layer 7 is missing; a path network"),
        (lambda: nn.Sequential(*layers(), nn.Softmax(1)), "layer 8 is Softmax; a path network"),
        (lambda: layers(outputs=7), "the linear layer has 7 outputs for 5 classes"),
        (lambda: layers(nn.MaxPool2d(3)), "the layers do not fit together for images"),
    ],
)
def test_others_are_refused_by_name(sequential, message):
    with pytest.raises(InputError, match=message):
        PathNetwork.from_sequential(sequential(), SPEC)


def test_a_grouped_second_convolution_is_refused():
    sequential = layers()
    sequential[3] = nn.Conv2d(4, 6, 3, groups=2)
    with pytest.raises(InputError, match="must have groups=1, got 2"):
        PathNetwork.from_sequential(sequential, SPEC)


def test_other_paddings_and_dilated_poolings_are_refused():
    for place, layer, message in (
        (0, nn.Conv2d(3, 4, 3, padding="same"), "padded by zeros"),
        (3, nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), "padded by zeros"),
        (5, nn.MaxPool2d(2, dilation=2), "dilation=1"),
    ):
        sequential = layers()
        sequential[place] = layer
        with pytest.raises(InputError, match=message):
            PathNetwork.from_sequential(sequential, SPEC)
