"""Replaces every ReLU of a network for as long as a `with` block lasts, without touching the network.

Every way to write a ReLU in PyTorch (the module, the functions, the tensor methods, in place or not) passes through
`torch.overrides`, so a mode sees them all: no hooks, no replaced modules, nothing to undo after an exception.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

IN_PLACE_CALLS = {F.relu_, torch.relu_, Tensor.relu_}
RELU_CALLS = {F.relu, torch.relu, Tensor.relu} | IN_PLACE_CALLS


class ReLUMode(TorchFunctionMode, ABC):
    """This mode computes every ReLU by `relu`, and counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    @abstractmethod
    def relu(self, values: Tensor, in_place: bool) -> Tensor:
        """Compute what stands for the ReLU of `values`; `in_place` writes it into `values` too."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if function in RELU_CALLS:
            self.count += 1
            return self.relu(args[0] if args else named["input"], is_in_place(function, args, named))
        return function(*args, **named)


def is_in_place(function: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
    """Return whether a call of a ReLU writes into its input."""
    return function in IN_PLACE_CALLS or bool(named.get("inplace", args[1] if len(args) > 1 else False))
