"""The guided rule reaches every way to write a ReLU, and says so where it cannot."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gcm.error import InputError
from gcm.visualizer import GuidedBackprop

WRITTEN = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "F.relu": F.relu,
    "F.relu in place": lambda x: F.relu(x, inplace=True),
    "F.relu by name": lambda x: F.relu(input=x),
    "F.relu_": F.relu_,
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "method": lambda x: x.relu(),
    "method in place": lambda x: x.relu_(),
    "F.relu in place, result not used": lambda x: (F.relu(x, inplace=True), x)[1],
    "F.relu in place by position": lambda x: (F.relu(x, True), x)[1],
    "torch.relu_, result not used": lambda x: (torch.relu_(x), x)[1],
}
NOT_GUIDED = {
    "clamp": lambda x: x.clamp(min=0),
    "clamp_min": lambda x: x.clamp_min(0),
    "threshold": lambda x: F.threshold(x, 0, 0),
    "relu6": F.relu6,
    "leaky": F.leaky_relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "softplus": F.softplus,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "where": lambda x: torch.where(x > 0, x, 0),
    "maximum": lambda x: torch.maximum(x, torch.zeros(())),
    "abs": lambda x: (x + x.abs()) / 2,
    "minimum": lambda x: -torch.minimum(-x, torch.zeros(())),
    "fmax": lambda x: torch.fmax(x, torch.zeros(())),
    "max of two": lambda x: torch.max(x, torch.zeros(())),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0),
    "mask": lambda x: x * (x > 0),
    "sign": lambda x: x * (1 + x.detach().requires_grad_().sign()) / 2,
    "amax": lambda x: torch.stack([x, torch.zeros_like(x)]).amax(0),
}


class OneLayer(nn.Module):
    def __init__(self, activation):
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(1, 4, 3)
        self.linear = nn.Linear(4 * 36, 2)
        self.activation = activation

    def forward(self, images):
        return self.linear(self.activation(self.convolution(images)).flatten(1))


IMAGES = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("activation", WRITTEN.values(), ids=WRITTEN)
def test_every_relu_is_guided(activation):
    network = OneLayer(activation)
    before = network.convolution(IMAGES)
    signal = network.linear.weight[0].view(4, 6, 6).clamp_min(0) * (before > 0)
    expected = F.conv_transpose2d(signal, network.convolution.weight)
    torch.testing.assert_close(GuidedBackprop()(network, IMAGES).maps[:, 0], expected)


@pytest.mark.parametrize("activation", NOT_GUIDED.values(), ids=NOT_GUIDED)
def test_other_activations_are_refused_by_name(activation):
    mixed = OneLayer(lambda values: activation(F.relu(values) - 0.1))
    with pytest.raises(
        InputError, match=r"guided backprop is defined for ReLU networks; OneLayer has other activations: [A-Za-z]"
    ):
        GuidedBackprop()(mixed, IMAGES)


def test_a_network_without_relus_is_refused():
    with pytest.raises(InputError, match="none was seen in OneLayer"):
        GuidedBackprop()(OneLayer(nn.Identity()), IMAGES)


def test_gradients_outside_are_not_guided_afterwards():
    GuidedBackprop()(OneLayer(F.relu), IMAGES)
    values = torch.tensor([1.0, -1.0], requires_grad=True)
    F.relu(values).sum().neg().backward()
    assert values.grad.tolist() == [-1.0, 0.0]
