"""Rules of relevance: on layers computed in the head, and against their formulas written out."""

import pytest
import torch
from relevance_by_hand import by_hand
from torch.nn import functional as F

from gcm.error import InputError
from gcm.visualizer import LRP
from gcm.visualizer.relevance import AlphaBeta, Bounded, Epsilon, Gamma, ZPlus
from gcm.visualizer.relevance.flow import LayerFlow
from gcm.visualizer.relevance.rule import LinearLayer

RULES = {
    "epsilon": Epsilon(0.1),
    "gamma": Gamma(0.5),
    "alpha_beta": AlphaBeta(2.0, 1.0),
    "z_plus": ZPlus(),
    "bounded": Bounded(),
}


def flow(layer, rule):
    through = LayerFlow("", layer.function, layer)
    through.rule = rule
    return through


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
    broad = bias.view(1, -1, *[1] * (outputs.ndim - 2))
    layer = LinearLayer(function, inputs, weight, broad, outputs + broad, low, high)
    found = flow(layer, rule)(relevance)
    basis = torch.eye(inputs[0].numel(), dtype=torch.float64).view(-1, *shape[1:])
    matrix = function(basis, weight).flatten(1).T  # (O,I)
    biases = bias.view(-1, *[1] * (outputs.ndim - 2)).expand_as(outputs[0]).flatten()
    for image in range(2):
        expected = by_hand(
            rule, inputs[image].flatten(), matrix, biases, relevance[image].flatten(), low.flatten(), high.flatten()
        )
        torch.testing.assert_close(found[image].flatten(), expected)


def handed_on(rule, weight, relevance, low=None, high=None):
    """By a layer without bias and with one output, from the inputs 1 and 2."""
    inputs, weights = torch.tensor([[1.0, 2.0]]), torch.tensor([weight])
    bounds = [None if bound is None else torch.full((1, 2), bound) for bound in (low, high)]
    layer = LinearLayer(F.linear, inputs, weights, None, F.linear(inputs, weights), *bounds)
    return flow(layer, rule)(torch.tensor([[relevance]])).tolist()[0]


def test_rules_on_a_layer_that_can_be_computed_in_the_head():
    """Brought are 3 and -2, together 1."""
    weight = [3.0, -1.0]
    assert handed_on(Epsilon(0.0), weight, 6.0) == [18, -12]
    assert handed_on(Gamma(1.0), weight, 8.0) == [12, -4]  # 6 and -2 of 4
    assert handed_on(AlphaBeta(2.0, 1.0), weight, 6.0) == [12, -6]
    assert handed_on(AlphaBeta(2.0, 1.0), [1.0, 2.0], 5.0) == [1, 4]  # nothing speaks against it
    assert handed_on(ZPlus(), weight, 6.0) == [6, 0]
    assert handed_on(Bounded(), weight, 8.0, low=0.0, high=3.0) == [6, 2]  # 3 and 3 - 2 of 4


def test_a_negative_output_hands_on_what_made_it_negative():
    """Brought are 1 and -4, together -3."""
    weight = [1.0, -2.0]
    assert handed_on(Gamma(1.0), weight, -7.0) == [1, -8]  # 1 and -8 of -7
    assert handed_on(ZPlus(), weight, -3.0) == [0, -3]
    assert handed_on(AlphaBeta(2.0, 1.0), weight, -3.0) == [3, -6]
    assert handed_on(Bounded(), weight, -6.0, low=0.0, high=3.0) == [-2, -4]  # 1 - 3 and -4 of -6


def test_nothing_brought_gets_nothing():
    layer = LinearLayer(F.linear, torch.zeros(1, 2), torch.ones(1, 2), None, torch.zeros(1, 1))
    for rule in RULES.values():
        assert flow(layer, rule)(torch.ones(1, 1)).tolist() == [[0, 0]]


def test_alpha_and_beta_that_would_not_conserve_are_refused():
    with pytest.raises(InputError, match=r"alpha - beta must be 1.*got 2\.0 and 0\.5"):
        LRP(alpha=2.0, beta=0.5)
