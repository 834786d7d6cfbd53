"""Relevance: rules on hand-computed layers, against a slow re-derivation and zennit; conservation; what is refused."""

import pytest
import torch
from sample import NETWORKS, images_of, randomized
from torch import nn
from torch.nn import functional as F

from gcm.data import ImageSpec
from gcm.visualizer.relevance import LRP
from gcm.visualizer.relevance_rule import (
    AlphaBeta,
    Bounded,
    Epsilon,
    Gamma,
    LayerRelevance,
    LinearLayer,
    ZPlus,
)

RULES = {
    "epsilon": Epsilon(0.1),
    "gamma": Gamma(0.5),
    "alpha_beta": AlphaBeta(2.0, 1.0),
    "z_plus": ZPlus(),
    "bounded": Bounded(),
}
SPEC = ImageSpec.of(3, 16, 5)


def by_hand(rule, inputs, weight, bias, relevance, low, high):
    """`inputs` (I), `weight` (O,I), `bias` and `relevance` (O), written out from the rules' formulas."""
    brought = inputs * weight  # (O,I)
    positive, negative = brought.clamp_min(0), brought.clamp_max(0)
    if isinstance(rule, Epsilon):
        total = brought.sum(1) + bias
        return (brought * (relevance / (total + rule.epsilon * torch.where(total < 0, -1, 1)))[:, None]).sum(0)
    if isinstance(rule, Gamma):
        brought = inputs * (weight + rule.gamma * weight.clamp_min(0))
        total = brought.sum(1) + bias + rule.gamma * bias.clamp_min(0)
        return (brought * (relevance / total)[:, None]).sum(0)
    if isinstance(rule, AlphaBeta):
        speaks_for = positive * ratio(relevance, positive.sum(1) + bias.clamp_min(0))[:, None]
        speaks_against = negative * ratio(relevance, negative.sum(1) + bias.clamp_max(0))[:, None]
        return (rule.alpha * speaks_for - rule.beta * speaks_against).sum(0)
    if isinstance(rule, Bounded):
        positive = brought - low * weight.clamp_min(0) - high * weight.clamp_max(0)
    return (positive * ratio(relevance, positive.sum(1))[:, None]).sum(0)


def ratio(relevance, total):
    return torch.tensor([part / whole if whole else 0.0 for part, whole in zip(relevance, total, strict=True)])


LAYERS = {
    "convolution": (lambda x, w: F.conv2d(x, w, stride=2, padding=1, groups=2), (2, 4, 5, 5), (6, 2, 3, 3)),
    "transposed": (
        lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1, output_padding=1, groups=2),
        (2, 4, 3, 3),
        (4, 3, 3, 3),
    ),
    "linear": (F.linear, (2, 7), (5, 7)),
}


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("name", LAYERS)
def test_every_rule_equals_its_formula_written_out(name, rule, signed):
    function, shape, weight_shape = LAYERS[name]
    inputs = torch.randn(shape, dtype=torch.float64) if signed else torch.rand(shape, dtype=torch.float64)
    weight = torch.randn(weight_shape, dtype=torch.float64)
    outputs = function(inputs, weight)
    bias = torch.randn(outputs.shape[1], dtype=torch.float64)
    relevance = torch.randn_like(outputs)
    low, high = inputs.min().expand_as(inputs[:1]), inputs.max().expand_as(inputs[:1])
    layer = LinearLayer(function, inputs, weight, bias.view(1, -1, *[1] * (outputs.ndim - 2)), low, high)
    found = LayerRelevance(layer, rule)(relevance)
    basis = torch.eye(inputs[0].numel(), dtype=torch.float64).view(-1, *shape[1:])
    matrix = function(basis, weight).flatten(1).T  # (O,I)
    biases = bias.view(-1, *[1] * (outputs.ndim - 2)).expand_as(outputs[0]).flatten()
    for image in range(2):
        expected = by_hand(
            rule, inputs[image].flatten(), matrix, biases, relevance[image].flatten(), low.flatten(), high.flatten()
        )
        torch.testing.assert_close(found[image].flatten(), expected)


def test_rules_on_a_layer_that_can_be_computed_in_the_head():
    """x = (1, 2), w = (3, -1): brought 3 and -2, together 1."""
    layer = LinearLayer(F.linear, torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -1.0]]), None)
    handed = {name: LayerRelevance(layer, rule)(torch.tensor([[6.0]])).tolist()[0] for name, rule in {
        "epsilon": Epsilon(0.0), "gamma": Gamma(1.0), "alpha_beta": AlphaBeta(2.0, 1.0), "z_plus": ZPlus(),
    }.items()}  # fmt: skip
    assert handed == {"epsilon": [18, -12], "gamma": [9, -3], "alpha_beta": [12, -6], "z_plus": [6, 0]}
    pixels = LinearLayer(F.linear, torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -1.0]]), None,
                         torch.zeros(1, 2), torch.full((1, 2), 3.0))  # fmt: skip
    assert LayerRelevance(pixels, Bounded())(torch.tensor([[8.0]])).tolist() == [[6, 2]]  # 3 and -2 + 3


def test_nothing_brought_gets_nothing():
    layer = LinearLayer(F.linear, torch.zeros(1, 2), torch.ones(1, 2), None)
    for rule in RULES.values():
        assert LayerRelevance(layer, rule)(torch.ones(1, 1)).tolist() == [[0, 0]]


def without_biases(network):
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.zeros_(module.running_mean)
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)
    return network.double().eval()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "visualizer", [LRP(epsilon=0.0), LRP("epsilon", "epsilon", epsilon=0.0)], ids=["lrp", "epsilon"]
)
def test_without_biases_relevance_is_conserved(name, visualizer):
    network = without_biases(randomized(NETWORKS[name](SPEC)))
    explanation = visualizer(network, images_of(SPEC, 2, torch.float64))
    torch.testing.assert_close(explanation.maps.sum((2, 3, 4)), explanation.logits, rtol=1e-9, atol=1e-12)
