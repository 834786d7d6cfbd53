"""Batch normalisation is folded into the linear layer before it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor
from torch.nn import functional as F

from gcm.visualizer.relevance.flow import LayerFlow
from gcm.visualizer.relevance.rule import LinearLayer


@dataclass(frozen=True)
class LinearCall:
    """A linear layer as it was called.

    Attributes:
        input: the tensor that it was called with.
        output: the tensor that the network went on with.
        version: the output's version, which changes when it is written into.
        flow: the flow of relevance through the layer.
        groups: groups of a convolution; else 1.
    """

    input: Tensor
    output: Tensor
    version: int
    flow: LayerFlow
    groups: int


def folded(
    call: LinearCall,
    running_mean: Tensor,
    running_var: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> LinearLayer:
    """Return both layers as one; the arguments after `call` are those of `F.batch_norm`."""
    normalized = F.batch_norm(call.output.detach(), running_mean, running_var, weight, bias, training, momentum, eps)
    scale = (running_var + eps).rsqrt() * (1 if weight is None else weight.detach())
    shift = across((0 if bias is None else bias.detach()) - running_mean * scale, normalized)
    layer = call.flow.layer
    return replace(
        layer,
        weight=scaled(layer.weight, scale, call.flow.function, call.groups),
        bias=shift if layer.bias is None else shift + layer.bias * across(scale, normalized),
        outputs=normalized,
    )


def across(values: Tensor, outputs: Tensor) -> Tensor:
    """Return one value for each channel, `(C)`, in a shape that can be added to the outputs."""
    return values.view(1, -1, *[1] * (outputs.ndim - 2))


def scaled(weight: Tensor, scale: Tensor, function: Callable[..., Tensor], groups: int) -> Tensor:
    """Return the weights that scale each output channel, `(C)`."""
    if function is not F.conv_transpose2d:
        return weight * scale.view(-1, *[1] * (weight.ndim - 1))
    by_group = weight.view(groups, -1, *weight.shape[1:])  # (G,inputs/G,outputs/G,h,w)
    return (by_group * scale.view(groups, 1, -1, 1, 1)).view_as(weight)
