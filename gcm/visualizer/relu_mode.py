"""Replaces every ReLU of a network for as long as a `with` block lasts, without touching the network.

Every way to write a ReLU in PyTorch (the module, the functions, the tensor methods, in place or not) passes through
`torch.overrides`, so a mode sees them all: no hooks, no replaced modules, nothing to undo after an exception.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from gcm.error import InputError, listed

IN_PLACE_CALLS = {F.relu_, torch.relu_, Tensor.relu_}
RELU_CALLS = {F.relu, torch.relu, Tensor.relu} | IN_PLACE_CALLS

COMPARISONS = {
    getattr(home, name)
    for home in (torch, Tensor)
    for name in ("gt", "ge", "lt", "le", "sign", "heaviside", "__gt__", "__ge__", "__lt__", "__le__")
    if hasattr(home, name)
}
"""Calls that make a mask from values: `x * (x > 0)` is a ReLU whose autograd nodes do not show it."""

OTHER_ACTIVATIONS = (
    "Relu", "Threshold", "Clamp", "Hardtanh", "LeakyRelu", "Prelu", "Rrelu", "Elu", "Celu", "Gelu", "Silu", "Mish",
    "Hardswish", "Hardsigmoid", "Softplus", "Softshrink", "Hardshrink", "Softsign", "LogSigmoid", "Tanh", "Sigmoid",
    "Where", "SWhere", "MaskedFill", "Maximum", "Minimum", "Fmax", "Fmin", "Amax", "Amin", "MaxBackward", "MinBackward",
    "Abs", "Sgn",
)  # fmt: skip
"""How the autograd nodes begin of activations that are no ReLU, or one that the mode does not reach."""


class ReLUMode(TorchFunctionMode, ABC):
    """Within this mode every ReLU is computed by `relu`.

    Counts them, and notes masks made from values.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.masks: set[str] = set()

    @abstractmethod
    def relu(self, values: Tensor, in_place: bool) -> Tensor:
        """What stands for the ReLU of `values`; `in_place`: written into `values` too."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if function in RELU_CALLS:
            self.count += 1
            in_place = function in IN_PLACE_CALLS or named.get("inplace", args[1] if len(args) > 1 else False)
            return self.relu(args[0] if args else named["input"], in_place)
        if function in COMPARISONS and any(isinstance(value, Tensor) and value.requires_grad for value in args):
            self.masks.add(function.__name__.strip("_"))
        return function(*args, **named)


def check_only_relus(outputs: Tensor, relus: ReLUMode, network: str, method: str) -> None:
    """Raise `InputError` if a nonlinearity lies behind `outputs` that the mode did not reach.

    Without this a network with, say, `clamp(min=0)` in place of a ReLU would be answered as if that were not there.
    """
    check_no_stranger(outputs, relus, network, method)
    if not relus.count:
        raise InputError(f"{method} needs ReLUs; none was seen in {network} (are they hidden in compiled code?)")


def check_no_stranger(outputs: Tensor, relus: ReLUMode, network: str, method: str) -> None:
    """The same, but without any ReLU at all there is nothing to reach."""
    kinds = {kind for kind in graph_nodes(outputs) if kind.startswith(OTHER_ACTIVATIONS)}
    strangers = {kind.rstrip("0123456789").removesuffix("Backward") for kind in kinds} | relus.masks
    if strangers:
        raise InputError(
            f"{method} is defined for ReLU networks; {network} has other activations: {listed(sorted(strangers))}"
        )


def graph_nodes(outputs: Tensor) -> Iterator[str]:
    """The kinds of all autograd nodes behind `outputs`."""
    stack: list[Node | None] = [outputs.grad_fn]
    seen: set[Node] = set()
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield type(node).__name__
        stack += [following for following, _ in node.next_functions]
