"""Muon takes steps of equal size in all directions, for convolutions."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW

from gcm.types import NonNegativeNumber, PositiveCount, ShareBelowOne

QUINTIC = (3.4445, -4.7750, 2.0315)
"""Newton-Schulz coefficients that bring singular values near 1 in few iterations, by Jordan (2024)."""


class Muon(AdamW):
    """Muon serves convolution weights, AdamW all others.

    A convolution's gradient, averaged with Nesterov momentum, is made orthogonal before it is applied: all its singular
    values become about 1, so that rare directions are learned as fast as common ones. The step is then scaled to
    AdamW's usual size; one learning rate and one weight decay serve both.

    Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; the scaling by Liu et al.,
    "Muon is scalable for LLM training", 2025. Departures: in float32; a convolution's weight `(A,B,h,w)` is read as a
    matrix `(A,B*h*w)`, whether it is transposed or not; the first and the class layer are no exceptions.

    Args:
        params: parameters, or groups of them.
        lr: learning rate.
        weight_decay: share of a weight that is taken away, times the learning rate.
        momentum: momentum of the gradient, for convolutions; AdamW's own is `betas`.
        iterations: iterations of Newton-Schulz.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: NonNegativeNumber = 5e-3,
        weight_decay: NonNegativeNumber = 0.15,
        momentum: ShareBelowOne = 0.95,
        iterations: PositiveCount = 5,
    ) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay)
        self.momentum = momentum
        self.iterations = iterations

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.ndim == 4 and weight.grad is not None:
                    self._step_convolution(weight, weight.grad, group["lr"], group["weight_decay"])
                    weight.grad = None  # so AdamW passes over it
        super().step()
        return loss

    def _step_convolution(self, weight: Tensor, gradient: Tensor, lr: float, weight_decay: float) -> None:
        state = self.state[weight]
        if not state:
            state.update(step=torch.zeros(()), average=torch.zeros_like(weight))  # AdamW looks for `step` on loading
        state["step"] += 1
        average = state["average"]
        average.lerp_(gradient, 1 - self.momentum)
        ahead = torch.lerp(gradient, average, self.momentum).flatten(1)
        direction = orthogonalized(ahead, self.iterations)
        weight.mul_(1 - lr * weight_decay)
        weight.add_(direction.view_as(weight), alpha=-lr * 0.2 * max(direction.shape) ** 0.5)


def orthogonalized(matrix: Tensor, iterations: int) -> Tensor:
    """Return a matrix with about the same singular vectors and all singular values about 1 (0.7 to 1.2)."""
    tall = matrix.shape[0] > matrix.shape[1]
    wide: Tensor = matrix.T if tall else matrix
    wide = wide / wide.norm().clamp_min(1e-7)
    a, b, c = QUINTIC
    for _ in range(iterations):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide.T if tall else wide
