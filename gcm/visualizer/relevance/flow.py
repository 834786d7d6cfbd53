"""The backward pass of relevance through one layer."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from gcm.visualizer.dependence import address
from gcm.visualizer.relevance.rule import LinearLayer, Part, Rule, summed


class HandsOn(torch.autograd.Function):
    """A computed value gets a backward pass of its own."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, value: Tensor, hand_on: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.hand_on = hand_on
        return value.detach()

    @staticmethod
    def backward(ctx: Any, *relevance: Tensor) -> tuple[Tensor, None, None]:
        return ctx.hand_on(relevance[0]), None, None


class LayerFlow:
    """A flow hands relevance through one layer by one rule, for as many classes as come; its sums are computed once.

    Attributes:
        path: path of the module that called the layer.
        function: the function of PyTorch that was called.
        layer: the computation.
        rule: the rule, to be set before relevance comes.
        received, handed: sums for each image, `(B,)`; one entry for each backward pass.
    """

    rule: Rule

    def __init__(self, path: str, function: Callable[..., Tensor], layer: LinearLayer) -> None:
        self.path, self.function, self.layer = path, function, layer
        self.received: list[Tensor] = []
        self.handed: list[Tensor] = []

    def keep(self, storage: int, outputs: bool) -> None:
        """Copy tensors that lie in a storage about to be written into; outputs only if others have read them."""
        layer = self.layer
        if address(layer.inputs) == storage:
            low, high = (None if bound is None else bound.clone() for bound in (layer.low, layer.high))
            self.layer = replace(self.layer, inputs=layer.inputs.clone(), low=low, high=high)
        if outputs and address(layer.outputs) == storage:
            self.layer = replace(self.layer, outputs=layer.outputs.clone())

    @cached_property
    def parts(self) -> list["PartFlow"]:
        parts = self.rule.parts(self.layer)
        return [PartFlow(self.layer, part, self.rule.epsilon) for part in parts if part.of is None or part.of.any()]

    def __call__(self, relevance: Tensor) -> Tensor:
        """Hand relevance of the outputs on to the inputs."""
        handed = torch.zeros_like(self.layer.inputs)
        for part in self.parts:
            part.hand_on(relevance, handed)
        self.received.append(summed_for_each_image(relevance))
        self.handed.append(summed_for_each_image(handed))
        return handed

    @property
    def residual(self) -> float:
        """The mean `|handed - received|` relative to the mean `|received|`; 0 where nothing was received."""
        received, handed = torch.stack(self.received), torch.stack(self.handed)
        size = received.abs().sum()
        return float((handed - received).abs().sum() / size) if size else 0.0


class PartFlow:
    """The flow of relevance through one part of a rule."""

    def __init__(self, layer: LinearLayer, part: Part, epsilon: float) -> None:
        self.layer, self.part, self.epsilon = layer, part, epsilon
        self.leaves = [inputs.detach().requires_grad_() for inputs, _ in part.terms]

    @cached_property
    @torch.enable_grad()
    def sums(self) -> Tensor:
        """The sums `z`, a function of the leaves."""
        weights = [weight for _, weight in self.part.terms]
        sums = summed(self.layer, tuple(zip(self.leaves, weights, strict=True)))
        return sums if self.part.bias is None else sums + self.part.bias

    @cached_property
    def mask(self) -> Tensor | None:
        """A mask that is 1 where the part hands relevance on, else 0; None: it does everywhere."""
        return None if self.part.of is None or self.part.of.all() else self.part.of.to(self.layer.outputs)

    @cached_property
    def factor(self) -> Tensor:
        """The part's share over `z`; 0 where the sum is 0, since nothing was brought there."""
        sums = self.sums.detach()
        stable = sums + self.epsilon * torch.where(sums < 0, -1.0, 1.0).to(sums) if self.epsilon else sums
        nothing = stable.abs() < torch.finfo(stable.dtype).tiny
        return torch.where(nothing, 0.0, self.part.share / stable)

    def hand_on(self, relevance: Tensor, handed: Tensor) -> None:
        """Add what the part hands on to `handed`."""
        mine = relevance if self.mask is None else relevance * self.mask
        if not mine.abs().amax():
            return  # as where a ReLU follows, and outputs < 0 have no relevance
        gradients = torch.autograd.grad(self.sums, self.leaves, mine * self.factor, retain_graph=True)
        for leaf, gradient in zip(self.leaves, gradients, strict=True):
            handed.addcmul_(leaf.detach(), gradient)


def summed_for_each_image(values: Tensor) -> Tensor:
    """Sum over all axes but the first: `(B,…)` to `(B,)`."""
    return values.sum(tuple(range(1, values.ndim)))
