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

RELU_CALLS = {F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}

OTHER_ACTIVATIONS = (
    "Relu", "Threshold", "Clamp", "Hardtanh", "LeakyRelu", "Prelu", "Rrelu", "Elu", "Celu", "Gelu", "Silu", "Mish",
    "Hardswish", "Hardsigmoid", "Softplus", "LogSigmoid", "Tanh", "Sigmoid", "Where", "Maximum", "Abs",
)  # fmt: skip
"""How the autograd nodes begin of activations that the guided rule does not reach, or is not defined for."""


class GuidedReLU(torch.autograd.Function):
    """Forward: ReLU. Backward: what a ReLU passes on, and of that only what is positive."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        rectified = values.clamp_min(0)
        ctx.save_for_backward(rectified)
        return rectified

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (rectified,) = ctx.saved_tensors
        return gradients[0].clamp_min(0).mul_(rectified > 0)


class GuidedReLUs(TorchFunctionMode):
    """Within this mode every ReLU is a `GuidedReLU`."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function not in RELU_CALLS:
            return function(*args, **(kwargs or {}))
        self.count += 1
        return GuidedReLU.apply(args[0] if args else (kwargs or {})["input"])


def check_only_guided(outputs: Tensor, relus: GuidedReLUs, network: str) -> None:
    """Raise `InputError` if a nonlinearity lies behind `outputs` that the guided rule did not reach.

    Without this a network with, say, `clamp(min=0)` in place of a ReLU would be answered with its plain gradient.
    """
    strangers = {kind for kind in graph_nodes(outputs) if kind.startswith(OTHER_ACTIVATIONS)}
    if strangers:
        raise InputError(
            f"guided backprop is defined for ReLU networks; {network} has activations it cannot guide: "
            f"{listed(sorted(kind.removesuffix('0').removesuffix('Backward') for kind in strangers))}"
        )
    if not relus.count:
        raise InputError(f"guided backprop needs ReLUs; none was seen in {network} (are they hidden in compiled code?)")


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
