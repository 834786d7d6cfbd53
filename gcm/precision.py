"""Sums and differences need wide numbers, whatever type a network computes in."""

from collections.abc import Callable

import torch
from torch import Tensor

Applied = Callable[[Tensor], Tensor]
"""The function that a module applies to each of its tensors when it is moved or cast."""


def widened(values: Tensor) -> Tensor:
    """Return float16 and bfloat16 as float32, which holds each of their numbers; wider ones as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def at_least(dtype: torch.dtype, move: Applied) -> Applied:
    """Return the same move to another device or type, but that real numbers never become narrower than `dtype`.

    So a module's sums stay what they are where all the rest is cast: a sum in bfloat16 no longer grows once it is 256
    times as large as what is added.
    """

    def applied(tensor: Tensor) -> Tensor:
        there = move(tensor.new_empty(0))
        wanted = torch.promote_types(there.dtype, dtype) if tensor.is_floating_point() else there.dtype
        return tensor.to(there.device, wanted)

    return applied
