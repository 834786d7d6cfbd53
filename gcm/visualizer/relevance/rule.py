"""A rule says how a linear layer hands the relevance of its outputs on to its inputs.

Every rule has the form `R_i = sum over parts: share * sum over terms: x_i * sum_j w_ij R_j / z_j`, where `z_j` is what
all terms of the part, and the bias as far as it counts, bring to output `j`. Rules differ in the parts. `w+`, `w-`:
positive and negative weights, likewise `x+`, `x-`, `b+`, `b-`.

All rules but epsilon were made for outputs that a ReLU follows. An output that may be negative, a logit or a value of a
GCM map, is, where it is negative, treated as a positive one of opposite sign: what speaks for `-y` hands on its
relevance. So no sum `z_j` vanishes beside an output that does not, and without biases nothing is lost.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gcm.error import InputError
from gcm.types import NonNegativeNumber

LinearMap = Callable[[Tensor, Tensor], Tensor]
"""A layer without its bias: inputs and weights to outputs."""
Terms = tuple[tuple[Tensor, Tensor], ...]
"""Pairs of inputs and weights."""


@dataclass(frozen=True)
class LinearLayer:
    """A linear layer as it was called, with all that a rule needs to know of it.

    Attributes:
        function: convolution, transposed convolution or matrix product.
        inputs, weight: tensors that it was called with; batch normalisation is folded in.
        bias: a shape that can be added to the outputs, or None.
        outputs: tensors that it gave; where a ReLU was applied in place, its zeros, which have no relevance.
        low, high: the least and the largest values that inputs can have, of a shape that can be expanded to theirs;
            None where the inputs are not pixels.
    """

    function: LinearMap
    inputs: Tensor
    weight: Tensor
    bias: Tensor | None
    outputs: Tensor
    low: Tensor | None = None
    high: Tensor | None = None

    @property
    def negative(self) -> Tensor:
        """The outputs that are negative, bool."""
        return self.outputs < 0

    @property
    def bias_for(self) -> Tensor | None:
        return None if self.bias is None else self.bias.clamp_min(0)

    @property
    def bias_against(self) -> Tensor | None:
        return None if self.bias is None else self.bias.clamp_max(0)


@dataclass(frozen=True)
class Part:
    """One part of a rule.

    Attributes:
        terms: inputs and weights.
        bias: the part of the bias that counts in the sum; None: nothing, so that no relevance is lost to it.
        of: the outputs whose relevance it hands on, bool; None: all.
        share: the share of their relevance, one number or one for each output.
    """

    terms: Terms
    bias: Tensor | None = None
    of: Tensor | None = None
    share: float | Tensor = 1.0


class Rule(ABC):
    """A rule splits a layer into parts that hand its relevance on."""

    epsilon: float = 0.0
    """A number added to the size of every sum `z`, which takes relevance from small ones."""

    @abstractmethod
    def parts(self, layer: LinearLayer) -> tuple[Part, ...]: ...


@dataclass(frozen=True)
class Epsilon(Rule):
    """The epsilon rule hands relevance on in proportion to `x w`, less a little for stability.

    Source: Bach et al., "On pixel-wise explanations for non-linear classifier decisions by layer-wise relevance
    propagation", 2015, equation 58.
    """

    epsilon: NonNegativeNumber = 1e-6

    def parts(self, layer: LinearLayer) -> tuple[Part, ...]:
        return (Part(((layer.inputs, layer.weight),), layer.bias),)


@dataclass(frozen=True)
class Gamma(Rule):
    """The gamma rule hands relevance on in proportion to `x w`, where what speaks for the output counts `1 + gamma`
    times.

    Source: Montavon et al., "Layer-wise relevance propagation: an overview", 2019, table 10.1; for inputs and outputs
    of either sign: Andéol et al., "Learning domain invariant representations by joint Wasserstein distance
    minimization", 2021, appendix.
    """

    gamma: NonNegativeNumber = 0.25

    def parts(self, layer: LinearLayer) -> tuple[Part, ...]:
        weight, inputs = layer.weight, layer.inputs
        upwards, downwards = weight + self.gamma * weight.clamp_min(0), weight + self.gamma * weight.clamp_max(0)
        bias_for, bias_against = self.plus(layer.bias, layer.bias_for), self.plus(layer.bias, layer.bias_against)
        return (
            Part(signed_terms(inputs, upwards, downwards), bias_for, of=~layer.negative),
            Part(signed_terms(inputs, downwards, upwards), bias_against, of=layer.negative),
        )

    def plus(self, bias: Tensor | None, counted: Tensor | None) -> Tensor | None:
        return None if bias is None or counted is None else bias + self.gamma * counted


@dataclass(frozen=True)
class AlphaBeta(Rule):
    """The alpha-beta rule gives `alpha` of the relevance to what speaks for the output, and `-beta` to what speaks
    against it.

    Where nothing speaks against an output, what speaks for it gets all, so that relevance is conserved there too.
    `alpha - beta` must be 1. Source: Bach et al., 2015, equation 60.
    """

    alpha: NonNegativeNumber = 2.0
    beta: NonNegativeNumber = 1.0

    def __post_init__(self) -> None:
        if abs(self.alpha - self.beta - 1) > 1e-9:
            raise InputError(
                f"alpha - beta must be 1, so that relevance is conserved; got {self.alpha} and {self.beta}"
            )

    def parts(self, layer: LinearLayer) -> tuple[Part, ...]:
        speaks_for, speaks_against = (terms_for(layer), layer.bias_for), (terms_against(layer), layer.bias_against)
        positive = self.both(layer, speaks_for, speaks_against, ~layer.negative)
        return (*positive, *self.both(layer, speaks_against, speaks_for, layer.negative))

    def both(
        self, layer: LinearLayer, pro: tuple[Terms, Tensor | None], con: tuple[Terms, Tensor | None], of: Tensor
    ) -> tuple[Part, Part]:
        """Return the parts for outputs `of` one sign, whose terms `pro` have that sign, and `con` the other."""
        opposed = summed(layer, con[0]) + (0.0 if con[1] is None else con[1]) != 0
        return (
            Part(*pro, of, torch.where(opposed, self.alpha, 1.0).to(layer.outputs)),
            Part(*con, of, torch.where(opposed, -self.beta, 0.0).to(layer.outputs)),
        )


@dataclass(frozen=True)
class ZPlus(Rule):
    """The z+ rule hands relevance on in proportion to what speaks for the output, `x+ w+` and `x- w-`; biases get
    nothing.

    Source: Montavon et al., "Explaining nonlinear classification decisions with deep Taylor decomposition", 2017,
    equation 9.
    """

    def parts(self, layer: LinearLayer) -> tuple[Part, ...]:
        return Part(terms_for(layer), of=~layer.negative), Part(terms_against(layer), of=layer.negative)


@dataclass(frozen=True)
class Bounded(Rule):
    """The bounded rule, or zB, hands relevance to pixels in proportion to `x w - low w+ - high w-`; biases get nothing.

    Source: Montavon et al., 2017, equation 12. Where inputs are no pixels, it is the z+ rule. Departure: summed as `(x
    - low) w+ + (x - high) w-`, which is the same, but near black and white loses no digits.
    """

    def parts(self, layer: LinearLayer) -> tuple[Part, ...]:
        if layer.low is None or layer.high is None:
            return ZPlus().parts(layer)
        above, below = layer.inputs - layer.low, layer.inputs - layer.high
        positive, negative = layer.weight.clamp_min(0), layer.weight.clamp_max(0)
        return (
            Part(((above, positive), (below, negative)), of=~layer.negative),
            Part(((above, negative), (below, positive)), of=layer.negative),
        )


def terms_for(layer: LinearLayer) -> Terms:
    """Return the positive terms, which speak for the output."""
    return signed_terms(layer.inputs, layer.weight.clamp_min(0), layer.weight.clamp_max(0))


def terms_against(layer: LinearLayer) -> Terms:
    """Return the negative terms, which speak against the output."""
    return signed_terms(layer.inputs, layer.weight.clamp_max(0), layer.weight.clamp_min(0))


def signed_terms(inputs: Tensor, for_positive: Tensor, for_negative: Tensor) -> Terms:
    terms = ((inputs.clamp_min(0), for_positive), (inputs.clamp_max(0), for_negative))
    return terms if bool((inputs < 0).any()) else terms[:1]


def summed(layer: LinearLayer, terms: Terms) -> Tensor:
    """Return what terms bring to each output."""
    first, *others = (layer.function(inputs, weight.detach()) for inputs, weight in terms)
    return sum(others, first)
