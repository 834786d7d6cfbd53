"""The guided rule for ReLUs, for as long as a `with` block lasts, without touching the network.

Every way to write a ReLU in PyTorch (the module, the functions, the tensor methods, in place or not) passes through
`torch.overrides`, so a mode sees them all: no hooks, no replaced modules, nothing to undo after an exception.
"""

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
"""How the autograd nodes begin of activations that the guided rule does not reach, or is not defined for."""


class GuidedReLU(torch.autograd.Function):
    """Forward: ReLU. Backward: what a ReLU passes on, and of that only what is positive."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, in_place: bool) -> Tensor:
        if in_place:
            ctx.mark_dirty(values)
        rectified = values.clamp_min_(0) if in_place else values.clamp_min(0)
        ctx.save_for_backward(rectified)
        return rectified

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (rectified,) = ctx.saved_tensors
        return gradients[0].clamp_min(0).mul_(rectified > 0), None


class DeconvnetReLU(GuidedReLU):
    """Forward: ReLU. Backward: of what comes back only what is positive, whether the ReLU was open or not."""

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0].clamp_min(0), None


class OpenReLU(GuidedReLU):
    """Forward: ReLU. Backward: everything, so that a unit that is closed everywhere still shows how to open it."""

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class GuidedReLUs(TorchFunctionMode):
    """Within this mode every ReLU goes back by a rule, the guided one or another.

    Counts them, and notes masks made from values.
    """

    def __init__(self, rule: type[GuidedReLU] = GuidedReLU) -> None:
        super().__init__()
        self.rule = rule
        self.count = 0
        self.masks: set[str] = set()

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if function in RELU_CALLS:
            self.count += 1
            in_place = function in IN_PLACE_CALLS or named.get("inplace", args[1] if len(args) > 1 else False)
            return self.rule.apply(args[0] if args else named["input"], in_place)
        if function in COMPARISONS and any(isinstance(value, Tensor) and value.requires_grad for value in args):
            self.masks.add(function.__name__.strip("_"))
        return function(*args, **named)


def check_only_guided(outputs: Tensor, relus: GuidedReLUs, network: str) -> None:
    """Raise `InputError` if a nonlinearity lies behind `outputs` that the guided rule did not reach.

    Without this a network with, say, `clamp(min=0)` in place of a ReLU would be answered with its plain gradient.
    """
    check_no_stranger(outputs, relus, network)
    if not relus.count:
        raise InputError(f"guided backprop needs ReLUs; none was seen in {network} (are they hidden in compiled code?)")


def check_no_stranger(outputs: Tensor, relus: GuidedReLUs, network: str) -> None:
    """The same, but without any ReLU at all there is nothing to guide."""
    kinds = {kind for kind in graph_nodes(outputs) if kind.startswith(OTHER_ACTIVATIONS)}
    strangers = {kind.rstrip("0123456789").removesuffix("Backward") for kind in kinds} | relus.masks
    if strangers:
        raise InputError(
            f"guided backprop is defined for ReLU networks; {network} has activations it cannot guide: "
            f"{listed(sorted(strangers))}"
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
