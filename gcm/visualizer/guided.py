"""ReLUs pass gradients back by a rule for as long as a `with` block lasts."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gcm.visualizer.dependence import Dependence
from gcm.visualizer.relu_mode import ReLUMode


class GuidedReLU(torch.autograd.Function):
    """A guided ReLU passes back what a ReLU does, and of that only positive values; forward it is a ReLU."""

    method = "guided backprop"

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
        passed = torch.ops.aten.threshold_backward(gradients[0], rectified, 0)
        return passed.clamp_min_(0), None


class DeconvnetReLU(GuidedReLU):
    """A deconvnet's ReLU passes back all positive values, whether it was open or not; forward it is a ReLU."""

    method = "a deconvnet"

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0].clamp_min(0), None


class OpenReLU(GuidedReLU):
    """An open ReLU passes everything back, so that a unit closed everywhere still shows how to open it; forward it is a
    ReLU.
    """

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class GuidedReLUs(ReLUMode):
    """This mode lets every ReLU pass gradients back by a rule, the guided one or another.

    Attributes:
        watching: whether all other calls are recorded too; needless where a network's modules are known.
        dependence: the record of the other calls with values that depend on the image.
    """

    def __init__(self, rule: type[GuidedReLU] = GuidedReLU, watching: bool = True) -> None:
        super().__init__()
        self.rule = rule
        self.watching = watching
        self.dependence = Dependence()

    def relu(self, values: Tensor, in_place: bool) -> Tensor:
        rectified: Tensor = self.rule.apply(values, in_place)
        return rectified

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if not self.watching:
            return super().__torch_function__(function, types, args, kwargs)
        named = kwargs or {}
        return self.dependence.watched(
            function, args, named, lambda _: super(GuidedReLUs, self).__torch_function__(function, types, args, named)
        )
