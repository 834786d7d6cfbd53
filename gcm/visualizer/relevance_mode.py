"""Lets relevance flow where gradients would, for as long as a `with` block lasts, without touching the network.

A mode sees every function that the network calls. Linear layers become nodes of the graph whose backward pass hands
relevance on by a rule; what only moves values about keeps its own backward pass, which moves relevance the same way;
what there is no rule for is refused. So an ordinary backward pass from a logit, begun with its value, ends with the
relevance of the pixels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode

from gcm.error import InputError
from gcm.visualizer.guided import OpenReLU
from gcm.visualizer.relevance_rule import Epsilon, LayerRelevance, LinearLayer, Rule
from gcm.visualizer.relu_mode import IN_PLACE_CALLS, RELU_CALLS

CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
TRANSPOSED_CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
LINEAR_CALLS: Mapping[Callable[..., Tensor], tuple[str, ...]] = {
    F.conv2d: CONVOLUTION,
    F.conv_transpose2d: TRANSPOSED_CONVOLUTION,
    F.linear: CONVOLUTION[:3],
}
"""Linear layers, with the names of their arguments."""
BATCH_NORM = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
AVERAGES = {torch.mean, Tensor.mean, F.avg_pool2d, F.adaptive_avg_pool2d}
ARITHMETIC = {
    getattr(home, name)
    for home in (torch, Tensor)
    for name in ("add", "sub", "mul", "div", "__add__", "__sub__", "__mul__", "__truediv__", "__radd__", "__rmul__")
    if hasattr(home, name)
}
MULTIPLICATIONS = {torch.mul, Tensor.mul, Tensor.__mul__}
MOVES = {
    torch.flatten, Tensor.flatten, Tensor.unflatten, torch.reshape, Tensor.reshape, Tensor.view, Tensor.expand,
    torch.unsqueeze, Tensor.unsqueeze, torch.squeeze, Tensor.squeeze, torch.permute, Tensor.permute, torch.transpose,
    Tensor.transpose, Tensor.contiguous, Tensor.clone, torch.cat, Tensor.__getitem__, torch.max_pool2d, F.max_pool2d,
    F.max_pool2d_with_indices, F.dropout,
}  # fmt: skip
"""Their gradient takes relevance to where the value came from; max pooling's to the pixel that won."""


@dataclass(frozen=True)
class Composite:
    """Which rule for which layer.

    Attributes:
        pixels: for layers that read the image itself, also if a constant was added or multiplied before.
        convolution: for other convolutions, transposed ones too.
        linear: for fully connected layers.
    """

    pixels: Rule
    convolution: Rule
    linear: Rule

    def rule(self, function: Callable[..., Tensor], layer: LinearLayer) -> Rule:
        if layer.low is not None:
            return self.pixels
        return self.linear if function is F.linear else self.convolution


@dataclass(frozen=True)
class Pixels:
    """A tensor made from the image by constants alone, and the least and the largest values it can have, if known."""

    values: Tensor
    low: Tensor | None = None
    high: Tensor | None = None


@dataclass(frozen=True)
class Called:
    """A linear layer that batch normalisation may follow: what it was called with, and its output."""

    function: Callable[..., Tensor]
    input: Tensor
    output: Tensor
    layer: LinearLayer
    groups: int


class HandsOn(torch.autograd.Function):
    """A value that has been computed, with a backward pass of one's own."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, value: Tensor, hand_on: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.hand_on = hand_on
        return value.detach()

    @staticmethod
    def backward(ctx: Any, *relevance: Tensor) -> tuple[Tensor, None, None]:
        return ctx.hand_on(relevance[0]), None, None


class RelevanceMode(TorchFunctionMode):
    """Within this mode backward passes through `network` carry relevance, by the rules of a composite.

    Attributes:
        layers: the linear layers in the order in which they were called, by the path of the module that called them.
    """

    def __init__(self, network: nn.Module, images: Tensor, composite: Composite) -> None:
        """`images`: the leaf that the network is called with, in [0,1]."""
        super().__init__()
        self.network, self.composite = network, composite
        self.names = {module: name for name, module in network.named_modules()}
        self.path: list[str] = []
        self.layers: list[tuple[str, LayerRelevance]] = []
        self.called: dict[int, Called] = {}
        channels = images.new_zeros(1, images.shape[1], 1, 1)
        self.pixels = {id(images): Pixels(images, channels, channels + 1)}

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if function in LINEAR_CALLS:
            return self.linear(function, **dict(zip(LINEAR_CALLS[function], args, strict=False)), **named)
        if function is F.batch_norm:
            return self.batch_norm(**dict(zip(BATCH_NORM, args, strict=False)), **named)
        if function in RELU_CALLS:
            in_place = function in IN_PLACE_CALLS or named.get("inplace", args[1] if len(args) > 1 else False)
            return OpenReLU.apply(args[0] if args else named["input"], in_place)
        if function in AVERAGES:
            return self.average(function, *args, **named)
        result = function(*args, **named)
        if not (isinstance(result, Tensor) and result.requires_grad):
            return result
        pixels = [self.pixels[id(value)] for value in args if id(value) in self.pixels]
        others = [
            value
            for value in args
            if isinstance(value, Tensor) and value.requires_grad and id(value) not in self.pixels
        ]
        if function in MOVES:
            if pixels and not others:
                self.pixels[id(result)] = Pixels(result)
            return result
        if function in ARITHMETIC and len(pixels) == 1 and not others:
            return self.arithmetic(function, pixels[0], args, named, result)
        if function in MULTIPLICATIONS and len(pixels) == 1 and len(others) == 1:
            return HandsOn.apply(others[0], result, partial(sum_to, shape=others[0].shape))
        raise InputError(f"relevance has no rule for {function.__name__} in {self.where}")

    @property
    def where(self) -> str:
        """The path of the module at work."""
        return self.path[-1] if self.path else type(self.network).__name__

    def linear(
        self,
        function: Callable[..., Tensor],
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        **settings: Any,
    ) -> Tensor:
        """A convolution or matrix product."""
        value = function(input, weight, bias, **settings)
        known = self.pixels.get(id(input))
        layer = LinearLayer(
            lambda inputs, weights: function(inputs, weights, **settings),
            input.detach(),
            weight.detach(),
            None if bias is None else across(bias.detach(), value),
            known.low if known else None,
            known.high if known else None,
        )
        output = self.recorded(function, input, value, layer)
        self.called[id(output)] = Called(function, input, output, layer, settings.get("groups", 1))
        return output

    def batch_norm(
        self,
        input: Tensor,
        running_mean: Tensor,
        running_var: Tensor,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        """Folded into the layer before it."""
        before = self.called.get(id(input))
        if before is None:
            raise InputError(f"relevance has no rule for batch normalisation after no linear layer, in {self.where}")
        value = F.batch_norm(input.detach(), running_mean, running_var, weight, bias, training, momentum, eps)
        scale = (running_var + eps).rsqrt() * (1 if weight is None else weight.detach())
        shift = (0 if bias is None else bias.detach()) - running_mean * scale
        layer = before.layer
        own = 0 if layer.bias is None else layer.bias * across(scale, value)
        folded = replace(
            layer, weight=scaled(layer.weight, scale, before.function, before.groups), bias=own + across(shift, value)
        )
        self.layers.pop()
        return self.recorded(before.function, before.input, value, folded)

    def recorded(self, function: Callable[..., Tensor], input: Tensor, value: Tensor, layer: LinearLayer) -> Tensor:
        """The layer's output `value`, which hands relevance on to `input`."""
        relevance = LayerRelevance(layer, self.composite.rule(function, layer))
        self.layers.append((self.where, relevance))
        output: Tensor = HandsOn.apply(input, value, relevance)
        return output

    def average(self, function: Callable[..., Tensor], input: Tensor, *args: Any, **named: Any) -> Tensor:
        """In proportion to the inputs."""
        layer = LinearLayer(
            lambda inputs, _: function(inputs, *args, **named), input.detach(), input.new_ones(()), None
        )
        output: Tensor = HandsOn.apply(input, function(input, *args, **named), LayerRelevance(layer, Epsilon(0.0)))
        return output

    def arithmetic(
        self,
        function: Callable[..., Tensor],
        pixels: Pixels,
        args: Sequence[Any],
        named: Mapping[str, Any],
        value: Tensor,
    ) -> Tensor:
        """With a constant: the pixel keeps its relevance, and its bounds move."""
        bounds = [
            None if bound is None else function(*(bound if arg is pixels.values else arg for arg in args), **named)
            for bound in (pixels.low, pixels.high)
        ]
        output: Tensor = HandsOn.apply(pixels.values, value, lambda relevance: relevance)
        self.pixels[id(output)] = Pixels(output, *bounds)
        return output

    @contextmanager
    def following(self) -> Iterator["RelevanceMode"]:
        """Switched on, and told which module is at work."""

        def enter(module: nn.Module, _: Any) -> None:
            self.path.append(self.names.get(module, ""))

        def leave(*_: Any) -> None:
            self.path.pop()

        before = register_module_forward_pre_hook(enter)
        after = register_module_forward_hook(leave, always_call=True)
        try:
            with self:
                yield self
        finally:
            before.remove()
            after.remove()


def across(values: Tensor, outputs: Tensor) -> Tensor:
    """One value for each channel, `(C)`, in a shape that can be added to the outputs."""
    return values.view(1, -1, *[1] * (outputs.ndim - 2))


def scaled(weight: Tensor, scale: Tensor, function: Callable[..., Tensor], groups: int) -> Tensor:
    """The weights that scale each output channel, `(C)`."""
    if function is not F.conv_transpose2d:
        return weight * scale.view(-1, *[1] * (weight.ndim - 1))
    by_group = weight.view(groups, -1, *weight.shape[1:])  # (G,inputs/G,outputs/G,h,w)
    return (by_group * scale.view(groups, 1, -1, 1, 1)).view_as(weight)


def sum_to(relevance: Tensor, shape: torch.Size) -> Tensor:
    """Relevance of copies goes to the original."""
    return relevance.sum_to_size(shape)
