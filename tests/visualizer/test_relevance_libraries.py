"""Relevance equals that of zennit and captum, in float64, and input times gradient where it should."""

import pytest
import torch
from captum.attr import LRP as CAPTUM_LRP
from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule, GammaRule
from sample import randomized
from torch import nn
from zennit import rules
from zennit.canonizers import SequentialMergeBatchNorm
from zennit.composites import SpecialFirstLayerMapComposite
from zennit.types import Activation, AvgPool, Convolution

from gcm.data import ImageSpec
from gcm.model import LeNet
from gcm.visualizer import LRP, InputXGradient

SPEC = ImageSpec.of(3, 16, 5)


def sequential():
    """A network that other libraries can take apart."""
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, stride=2), nn.ReLU(), nn.Flatten(),
        nn.Linear(54, 7), nn.ReLU(), nn.Linear(7, 5),
    )  # fmt: skip
    return network.double().eval()


def normalized():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, eps=0.0), nn.ReLU(), nn.Conv2d(4, 5, 5, bias=False),
                            nn.BatchNorm2d(5, eps=0.0), nn.ReLU(), nn.AvgPool2d(10), nn.Flatten(), nn.Linear(5, 5))  # fmt: skip
    return randomized(network).double().eval()


def takes_zero_eps():
    try:
        nn.BatchNorm2d(1, eps=0.0).eval()(torch.zeros(1, 1, 1, 1))
    except ValueError:
        return False
    return True


ZERO_EPS = pytest.mark.skipif(not takes_zero_eps(), reason="zennit sets eps to 0, which PyTorch refused for a while")
STABLE = 1e-15
ZENNIT_RULES = {
    "epsilon": rules.Epsilon(STABLE),
    "gamma": rules.Gamma(0.25, STABLE),
    "alpha_beta": rules.AlphaBeta(2, 1, STABLE),
    "z_plus": rules.ZPlus(STABLE, zero_params="bias"),
    "bounded": rules.ZBox(0.0, 1.0, STABLE, zero_params="bias"),
}
COMPOSITES = [
    ("bounded", "gamma", "epsilon"), ("bounded", "z_plus", "epsilon"), ("z_plus", "z_plus", "gamma"),
    ("gamma", "gamma", "gamma"), ("alpha_beta", "alpha_beta", "alpha_beta"), ("epsilon", "alpha_beta", "epsilon"),
]  # fmt: skip


@pytest.mark.parametrize("names", COMPOSITES, ids="-".join)
@pytest.mark.parametrize("build", [sequential, pytest.param(normalized, marks=ZERO_EPS)])
def test_equals_zennit(build, names):
    network = build()
    images = torch.rand(2, 3, 16, 16, dtype=torch.float64)
    maps = LRP(names[0], names[1], names[1], names[2], epsilon=STABLE)(network, images).maps
    pixels, convolution, linear = (ZENNIT_RULES[name] for name in names)
    composite = SpecialFirstLayerMapComposite(
        layer_map=[(Activation, rules.Pass()), (AvgPool, rules.Norm(STABLE)), (Convolution, convolution),
                   (nn.Linear, linear)],
        first_map=[(Convolution, pixels)],
        canonizers=[SequentialMergeBatchNorm()],
    )  # fmt: skip
    for target in range(5):
        leaf = images.clone().requires_grad_()
        with composite.context(network) as hooked:
            logits = hooked(leaf)
            begin = torch.zeros_like(logits)
            begin[:, target] = logits[:, target].detach()
            (relevance,) = torch.autograd.grad(logits, leaf, begin)
        same = logits[:, target] > 0 if names[2] == "alpha_beta" else logits[:, target] != 0  # ours turns with the sign
        torch.testing.assert_close(maps[same, target], relevance[same], rtol=1e-8, atol=1e-10)


class WithoutFlatten(nn.Module):
    """The same network with a function in place of the module, which captum has no rule for."""

    def __init__(self, network):
        super().__init__()
        self.convolutions, self.linear = network[:5], network[6:]

    def forward(self, images):
        return self.linear(self.convolutions(images).flatten(1))


CAPTUM_RULES = {"epsilon": EpsilonRule, "gamma": GammaRule, "z_plus": Alpha1_Beta0_Rule}


@pytest.mark.parametrize("name", CAPTUM_RULES)
def test_equals_captum(name):
    """Its convolutions have no biases: captum's rules treat them in other ways. Its epsilon cannot be 0 everywhere."""
    network = sequential()
    images = torch.rand(2, 3, 16, 16, dtype=torch.float64)
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.bias)
    maps = LRP(name, name, name)(network, images).maps
    for target in range(5):
        for layer in network:
            layer.rule = CAPTUM_RULES[name]() if isinstance(layer, nn.Conv2d) else EpsilonRule(1e-9)
        relevance = CAPTUM_LRP(WithoutFlatten(network)).attribute(images.clone().requires_grad_(), target=target)
        torch.testing.assert_close(maps[:, target], relevance, rtol=1e-6, atol=1e-9)


MANY_VECTORS = nn.Sequential(nn.Flatten(2), nn.Linear(256, 3), nn.ReLU(), nn.Flatten(), nn.Linear(9, 5))


@pytest.mark.parametrize("build", [lambda: LeNet(SPEC, (4, 6)), sequential, lambda: MANY_VECTORS],
                         ids=["lenet", "sequential", "many vectors"])  # fmt: skip
def test_epsilon_alone_is_input_times_gradient(build):
    """On ReLU networks without epsilon; also where a linear layer takes many vectors, whose biases are its last axis."""
    network = build().double().eval()
    images = torch.rand(2, 3, 16, 16, dtype=torch.float64)
    maps = LRP("epsilon", "epsilon", "epsilon", "epsilon", epsilon=0.0)(network, images).maps
    torch.testing.assert_close(maps, InputXGradient()(network, images).maps)
