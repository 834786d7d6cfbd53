"""Lets relevance flow where gradients would, for as long as a `with` block lasts, without touching the network.

A mode sees every function that the network calls. Linear layers become nodes of the graph whose backward pass hands
relevance on by a rule; what only moves values about keeps its own backward pass, which moves relevance the same way;
what there is no rule for is refused. So an ordinary backward pass from a logit, begun with its value, ends with the
relevance of the pixels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode

from gcm.error import InputError
from gcm.visualizer.guided import OpenReLU
from gcm.visualizer.relevance.batch_norm import LinearCall, across, folded
from gcm.visualizer.relevance.call import ARITHMETIC, AVERAGES, BATCH_NORM, LINEAR_CALLS, MOVES, MULTIPLICATIONS
from gcm.visualizer.relevance.flow import HandsOn, LayerFlow
from gcm.visualizer.relevance.rule import Epsilon, LinearLayer, Rule
from gcm.visualizer.relu_mode import IN_PLACE_CALLS, RELU_CALLS


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


class RelevanceMode(TorchFunctionMode):
    """Within this mode backward passes through `network` carry relevance, by the rules of a composite.

    Attributes:
        layers: the linear layers in the order in which they were called, with the path of the module that called them.
    """

    def __init__(self, network: nn.Module, images: Tensor, composite: Composite) -> None:
        """`images`: the leaf that the network is called with, in [0,1]."""
        super().__init__()
        self.network, self.composite = network, composite
        self.names = {module: name for name, module in network.named_modules()}
        self.path: list[str] = []
        self.layers: list[tuple[str, LayerFlow]] = []
        self.calls: dict[int, LinearCall] = {}
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
        return self.other(function, args, named)

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
            value.detach(),
            known.low if known else None,
            known.high if known else None,
        )
        output = self.recorded(self.where, function, input, layer)
        self.calls[id(output)] = LinearCall(function, input, output, layer, settings.get("groups", 1))
        return output

    def batch_norm(self, input: Tensor, *args: Any, **named: Any) -> Tensor:
        """Takes the place of the layer before it."""
        call = self.calls.get(id(input))
        if call is None:
            raise InputError(f"relevance has no rule for batch normalisation after no linear layer, in {self.where}")
        path, _ = self.layers.pop()
        return self.recorded(path, call.function, call.input, folded(call, *args, **named))

    def recorded(self, path: str, function: Callable[..., Tensor], input: Tensor, layer: LinearLayer) -> Tensor:
        """The layer's outputs, which hand relevance on to `input`."""
        flow = LayerFlow(layer, self.composite.rule(function, layer))
        self.layers.append((path, flow))
        output: Tensor = HandsOn.apply(input, layer.outputs, flow)
        return output

    def average(self, function: Callable[..., Tensor], input: Tensor, *args: Any, **named: Any) -> Tensor:
        """In proportion to the inputs."""
        value = function(input, *args, **named)
        layer = LinearLayer(
            lambda inputs, _: function(inputs, *args, **named), input.detach(), input.new_ones(()), None, value.detach()
        )
        output: Tensor = HandsOn.apply(input, value, LayerFlow(layer, Epsilon(0.0)))
        return output

    def other(self, function: Callable[..., Any], args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """What is no layer: it moves values about, brings a constant to the pixels, or multiplies them with a map."""
        result = function(*args, **named)
        if not (isinstance(result, Tensor) and result.requires_grad):
            return result
        traced = [value for value in args if isinstance(value, Tensor) and value.requires_grad]
        pixels = [self.pixels[id(value)] for value in traced if id(value) in self.pixels]
        others = [value for value in traced if id(value) not in self.pixels]
        if function in MOVES:
            if pixels and not others:
                self.pixels[id(result)] = Pixels(result)
            return result
        if function in ARITHMETIC and len(pixels) == 1 and not others:
            return self.arithmetic(function, pixels[0], args, named, result)
        if function in MULTIPLICATIONS and len(pixels) == 1 and len(others) == 1:
            return HandsOn.apply(others[0], result, partial(sum_to, shape=others[0].shape))
        raise InputError(f"relevance has no rule for {function.__name__} in {self.where}")

    def arithmetic(
        self,
        function: Callable[..., Tensor],
        pixels: Pixels,
        args: Sequence[Any],
        named: Mapping[str, Any],
        value: Tensor,
    ) -> Tensor:
        """With a constant: the pixel keeps its relevance, and its bounds move."""
        output: Tensor = HandsOn.apply(pixels.values, value, lambda relevance: relevance)
        self.pixels[id(output)] = Pixels(output)
        if pixels.low is not None and pixels.high is not None:
            first, second = (
                function(*(bound if arg is pixels.values else arg for arg in args), **named)
                for bound in (pixels.low, pixels.high)
            )
            self.pixels[id(output)] = Pixels(output, torch.minimum(first, second), torch.maximum(first, second))
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


def sum_to(relevance: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Relevance of copies goes to the original."""
    return relevance.sum_to_size(shape)
