"""LeNet and its filter paths."""

import pytest
import torch
from torch.nn import functional as F

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import LeNet

MNIST = ImageSpec.of(1, 28, 10)


@pytest.mark.parametrize(("filters", "count"), [((3, 3), 922), ((6, 16), 5046)])
def test_parameter_count(filters, count):
    assert LeNet(MNIST, filters).parameter_count() == count


def test_paths_by_slow_loops():
    """Each path alone, in float64 loops that share no code with the network."""
    network = LeNet(MNIST).double().eval()
    image = torch.rand(1, 1, 28, 28, dtype=torch.float64)
    maps1 = F.max_pool2d(F.relu(F.conv2d(image, network.convolution1.weight, network.convolution1.bias)), 2)[0]
    kernel, bias = network.convolution2.weight, network.convolution2.bias
    weight = network.linear.weight.view(10, 3, 5, 5)
    parts = torch.zeros(10, 3, 3, dtype=torch.float64)
    for j in range(3):
        paths = [F.conv2d(maps1[i][None, None], kernel[j, i][None, None])[0, 0] for i in range(3)]
        before = sum(paths) + bias[j]
        for row in range(5):
            for column in range(5):
                window = [(before[2 * row + a, 2 * column + b], a, b) for a in (0, 1) for b in (0, 1)]
                value, a, b = max(window, key=lambda item: item[0].item())
                if value > 0:
                    for i in range(3):
                        parts[:, i, j] += weight[:, j, row, column] * paths[i][2 * row + a, 2 * column + b]
    torch.testing.assert_close(network.contributions(image).parts[0], parts, rtol=0, atol=1e-14)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_ties_in_the_pooling_are_handled(value):
    """An even image makes every pooling window a tie."""
    network = LeNet(MNIST).double().eval()
    images = torch.full((1, 1, 28, 28), value, dtype=torch.float64)
    account = network.contributions(images)
    added_up = account.parts.sum((2, 3)) + account.rest
    torch.testing.assert_close(added_up, network(images), rtol=0, atol=1e-13)


def test_a_dead_network_has_only_its_bias():
    network = LeNet(MNIST).eval()
    with torch.no_grad():
        network.convolution2.bias.fill_(-1e6)
    account = network.contributions(torch.rand(2, 1, 28, 28))
    assert account.parts.abs().max() == 0
    torch.testing.assert_close(account.rest, network.linear.bias.expand(2, -1))


def test_too_small_images_are_refused():
    with pytest.raises(InputError, match="at least 12x12 pixels, got 11x11"):
        LeNet(ImageSpec.of(1, 11, 10))
