"""How a linear layer hands the relevance of its outputs on to its inputs.

Every rule has the form `R_i = sum over parts: share * sum over terms: x_i * sum_j w_ij R_j / z_j`, where `z_j` is what
all terms of the part, and what of the bias it counts, bring to output `j`. Rules differ in the parts. `w+`, `w-`:
positive and negative weights, likewise `x+`, `x-`, `b+`, `b-`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gcm.error import InputError
from gcm.setting import NonNegativeNumber

LinearMap = Callable[[Tensor, Tensor], Tensor]
"""Inputs and weights of a layer, without its bias, to outputs."""


@dataclass(frozen=True)
class LinearLayer:
    """Attributes:
    function: convolution, transposed convolution or matrix product.
    inputs, weight: that it was called with; batch normalisation is folded in.
    bias: of a shape that can be added to the outputs, or None.
    low, high: the least and the largest values that inputs can have, of a shape that can be expanded to theirs; None
        where the inputs are not pixels.
    """

    function: LinearMap
    inputs: Tensor
    weight: Tensor
    bias: Tensor | None
    low: Tensor | None = None
    high: Tensor | None = None


@dataclass(frozen=True)
class Part:
    """Attributes:
    share: of the layer's relevance that is handed on by this part.
    terms: inputs and weights.
    bias: what of the bias counts in the sum; None: nothing, so that no relevance is lost to it.
    """

    share: float
    terms: tuple[tuple[Tensor, Tensor], ...]
    bias: Tensor | None = None


class Rule(ABC):
    """A way to hand relevance on."""

    epsilon: float = 0.0
    """Added to the size of every sum `z`, which takes relevance from small ones."""

    @abstractmethod
    def parts(self, layer: LinearLayer) -> list[Part]: ...


@dataclass(frozen=True)
class Epsilon(Rule):
    """In proportion to `x w`, less a little for stability.

    Source: Bach et al., "On pixel-wise explanations for non-linear classifier decisions by layer-wise relevance
    propagation", 2015, equation 58.
    """

    epsilon: NonNegativeNumber = 1e-6

    def parts(self, layer: LinearLayer) -> list[Part]:
        return [Part(1.0, ((layer.inputs, layer.weight),), layer.bias)]


@dataclass(frozen=True)
class Gamma(Rule):
    """In proportion to `x (w + gamma w+)`: what speaks for the output counts more.

    Source: Montavon et al., "Layer-wise relevance propagation: an overview", 2019, table 10.1; for inputs >= 0.
    """

    gamma: NonNegativeNumber = 0.25

    def parts(self, layer: LinearLayer) -> list[Part]:
        bias = None if layer.bias is None else layer.bias + self.gamma * layer.bias.clamp_min(0)
        return [Part(1.0, ((layer.inputs, layer.weight + self.gamma * layer.weight.clamp_min(0)),), bias)]


@dataclass(frozen=True)
class AlphaBeta(Rule):
    """What speaks for the output gets `alpha` of the relevance, what speaks against it `-beta`; `alpha - beta = 1`.

    Source: Bach et al., 2015, equation 60.
    """

    alpha: NonNegativeNumber = 2.0
    beta: NonNegativeNumber = 1.0

    def __post_init__(self) -> None:
        if abs(self.alpha - self.beta - 1) > 1e-9:
            raise InputError(
                f"alpha - beta must be 1, so that relevance is conserved; got {self.alpha} and {self.beta}"
            )

    def parts(self, layer: LinearLayer) -> list[Part]:
        bias = layer.bias
        speaks_for = Part(self.alpha, same_signs(layer), None if bias is None else bias.clamp_min(0))
        speaks_against = Part(-self.beta, opposite_signs(layer), None if bias is None else bias.clamp_max(0))
        return [speaks_for, speaks_against] if self.beta else [speaks_for]


@dataclass(frozen=True)
class ZPlus(Rule):
    """In proportion to what speaks for the output, `x+ w+` and `x- w-`; biases get nothing.

    Source: Montavon et al., "Explaining nonlinear classification decisions with deep Taylor decomposition", 2017,
    equation 9.
    """

    def parts(self, layer: LinearLayer) -> list[Part]:
        return [Part(1.0, same_signs(layer))]


@dataclass(frozen=True)
class Bounded(Rule):
    """For pixels, in proportion to `x w - low w+ - high w-`; biases get nothing. Also called the zB rule.

    Source: Montavon et al., 2017, equation 12. Where inputs are no pixels, the z+ rule.
    """

    def parts(self, layer: LinearLayer) -> list[Part]:
        if layer.low is None or layer.high is None:
            return ZPlus().parts(layer)
        low, high = (-bound.expand_as(layer.inputs) for bound in (layer.low, layer.high))
        weight = layer.weight
        return [Part(1.0, ((layer.inputs, weight), (low, weight.clamp_min(0)), (high, weight.clamp_max(0))))]


def same_signs(layer: LinearLayer) -> tuple[tuple[Tensor, Tensor], ...]:
    """The terms that are positive."""
    return signed_terms(layer.inputs, layer.weight.clamp_min(0), layer.weight.clamp_max(0))


def opposite_signs(layer: LinearLayer) -> tuple[tuple[Tensor, Tensor], ...]:
    """The terms that are negative."""
    return signed_terms(layer.inputs, layer.weight.clamp_max(0), layer.weight.clamp_min(0))


def signed_terms(inputs: Tensor, for_positive: Tensor, for_negative: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
    terms = ((inputs.clamp_min(0), for_positive), (inputs.clamp_max(0), for_negative))
    return terms if bool((inputs < 0).any()) else terms[:1]


class LayerRelevance:
    """Hands relevance through one layer by one rule, for as many classes as come; the sums are computed once."""

    def __init__(self, layer: LinearLayer, rule: Rule) -> None:
        self.layer, self.rule = layer, rule
        self.prepared: list[tuple[float, list[Tensor], Tensor]] | None = None

    def __call__(self, relevance: Tensor) -> Tensor:
        """Of the outputs to the inputs."""
        if self.prepared is None:
            self.prepared = [self.prepare(part) for part in self.rule.parts(self.layer)]
        total = torch.zeros_like(self.layer.inputs)
        for share, leaves, sums in self.prepared:
            quotient = share * divided(relevance, sums.detach(), self.rule.epsilon)
            gradients = torch.autograd.grad(sums, leaves, quotient, retain_graph=True)
            for leaf, gradient in zip(leaves, gradients, strict=True):
                total += leaf.detach() * gradient
        return total

    @torch.enable_grad()
    def prepare(self, part: Part) -> tuple[float, list[Tensor], Tensor]:
        """The part's share, its inputs as leaves, and the sums `z` that depend on them."""
        leaves = [inputs.detach().requires_grad_() for inputs, _ in part.terms]
        brought = [
            self.layer.function(leaf, weight.detach()) for leaf, (_, weight) in zip(leaves, part.terms, strict=True)
        ]
        sums = torch.stack(brought).sum(0) if len(brought) > 1 else brought[0]
        return part.share, leaves, sums if part.bias is None else sums + part.bias


def divided(relevance: Tensor, sums: Tensor, epsilon: float) -> Tensor:
    """`R / z`; 0 where the sum is, since nothing was brought there."""
    stable = sums + epsilon * torch.where(sums < 0, -1.0, 1.0).to(sums.dtype) if epsilon else sums
    return torch.where(stable == 0, 0.0, relevance / stable)
