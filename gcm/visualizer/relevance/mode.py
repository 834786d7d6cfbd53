"""Lets relevance flow where gradients would, for as long as a `with` block lasts, without touching the network.

A mode sees every function that the network calls. Linear layers become nodes of the graph whose backward pass hands
relevance on by a rule; what only moves values about keeps its own backward pass, which moves relevance the same way;
what there is no rule for is refused. So an ordinary backward pass from a logit, begun with its value, ends with the
relevance of the pixels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode

from gcm.error import InputError, listed
from gcm.visualizer.guided import OpenReLU
from gcm.visualizer.relevance.batch_norm import LinearCall, across, folded
from gcm.visualizer.relevance.call import (
    ARITHMETIC,
    AVERAGES,
    BATCH_NORM,
    DIVISIONS,
    HANDED_ON,
    LINEAR_CALLS,
    MOVES,
    MULTIPLICATIONS,
)
from gcm.visualizer.relevance.flow import HandsOn, LayerFlow
from gcm.visualizer.relevance.rule import Epsilon, LinearLayer
from gcm.visualizer.relu_mode import IN_PLACE_CALLS, RELU_CALLS, graph_nodes


@dataclass(frozen=True)
class Pixels:
    """A tensor made from the image by moves and constants alone, and the least and largest values it can have, if
    known, in its own shape.
    """

    values: Tensor
    low: Tensor | None = None
    high: Tensor | None = None

    def become(
        self, values: Tensor, function: Callable[..., Tensor], args: Sequence[Any], named: Mapping[str, Any]
    ) -> "Pixels":
        """`values`, which a function of them and of constants has given; the bounds go the same way."""
        if self.low is None or self.high is None:
            return Pixels(values)
        first, second = (
            function(*(bound if arg is self.values else arg for arg in args), **named)
            for bound in (self.low, self.high)
        )
        return Pixels(values, torch.minimum(first, second), torch.maximum(first, second))


class RelevanceMode(TorchFunctionMode):
    """Within this mode backward passes through `network` carry relevance.

    Attributes:
        layers: the linear layers in the order in which they were called.
    """

    def __init__(self, network: nn.Module, images: Tensor) -> None:
        """`images`: the leaf that the network is called with, in [0,1]."""
        super().__init__()
        self.network = network
        self.names = {module: name for name, module in network.named_modules()}
        self.path: list[str] = []
        self.layers: list[LayerFlow] = []
        self.calls: dict[int, LinearCall] = {}
        self.constants: dict[int, Tensor] = {id(parameter): parameter for parameter in network.parameters()}
        self.pixels = {id(images): Pixels(images, torch.zeros_like(images), torch.ones_like(images))}

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        traced = [value for value in tensors_in((args, named)) if value.requires_grad]
        if traced and all(id(value) in self.constants for value in traced):
            return self.constant(function(*args, **named))
        if function in LINEAR_CALLS:
            return self.linear(function, **dict(zip(LINEAR_CALLS[function], args, strict=False)), **named)
        if function is F.batch_norm:
            return self.batch_norm(**dict(zip(BATCH_NORM, args, strict=False)), **named)
        if function in RELU_CALLS:
            return self.relu(function, args[0] if args else named["input"], args, named)
        if function in AVERAGES:
            return self.average(function, args, named)
        return self.other(function, args, named)

    @property
    def where(self) -> str:
        """The path of the module at work."""
        return (self.path and self.path[-1]) or type(self.network).__name__

    def refuse(self, what: str) -> InputError:
        return InputError(f"relevance has no rule for {what} in {self.where}")

    def constant(self, result: Any) -> Any:
        """A value made from parameters alone."""
        for value in tensors_in(result):
            self.constants[id(value)] = value
        return result

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
            None if bias is None else bias.detach() if function is F.linear else across(bias.detach(), value),
            value.detach(),
            known.low if known else None,
            known.high if known else None,
        )
        flow = LayerFlow(self.where, function, layer)
        self.layers.append(flow)
        output = handing_on(input, layer.outputs, flow)
        self.calls[id(output)] = LinearCall(input, output, flow, settings.get("groups", 1))
        return output

    def batch_norm(self, input: Tensor, running_mean: Tensor | None, *args: Any, **named: Any) -> Tensor:
        """Joins the layer before it."""
        call = self.calls.pop(id(input), None)
        if call is None or running_mean is None:
            raise self.refuse("batch normalisation that does not follow a linear layer, or has no running mean")
        call.flow.layer = folded(call, running_mean, *args, **named)
        return handing_on(call.input, call.flow.layer.outputs, call.flow)

    def relu(
        self, function: Callable[..., Tensor], values: Tensor, args: Sequence[Any], named: Mapping[str, Any]
    ) -> Tensor:
        """Lets all relevance through; where it is closed, none comes."""
        in_place = function in IN_PLACE_CALLS or named.get("inplace", args[1] if len(args) > 1 else False)
        self.calls.pop(id(values), None)
        opened: Tensor = OpenReLU.apply(values, in_place)
        return opened

    def average(self, function: Callable[..., Tensor], args: Sequence[Any], named: Mapping[str, Any]) -> Tensor:
        """In proportion to the inputs."""
        input, rest = args[0], args[1:]
        value = function(input, *rest, **named)
        layer = LinearLayer(
            lambda inputs, _: function(inputs, *rest, **named), input.detach(), input.new_ones(()), None, value.detach()
        )
        flow = LayerFlow(self.where, function, layer)
        flow.rule = Epsilon(0.0)
        return handing_on(input, value, flow)

    def other(self, function: Callable[..., Any], args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """What is no layer: it moves values about, brings a constant to the pixels, or multiplies them with a map."""
        result = function(*args, **named)
        if not any(value.requires_grad for value in tensors_in(result)):
            return result
        changing = [value for value in tensors_in((args, named)) if value.requires_grad]
        changing = [value for value in changing if id(value) not in self.constants]
        pixels = [self.pixels[id(value)] for value in changing if id(value) in self.pixels]
        others = [value for value in changing if id(value) not in self.pixels]
        if function in MOVES:
            if isinstance(result, Tensor) and len(pixels) == 1 and not others:
                self.pixels[id(result)] = pixels[0].become(result, function, args, named)
            return result
        if function in ARITHMETIC and len(pixels) == 1 and not others:
            if function in DIVISIONS and args[0] is not pixels[0].values:
                raise self.refuse("division by the image")
            output = handing_on(pixels[0].values, result, lambda relevance: relevance)
            self.pixels[id(output)] = pixels[0].become(output, function, args, named)
            return output
        if function in MULTIPLICATIONS and len(pixels) == 1 and len(others) == 1:
            return handing_on(others[0], result, lambda relevance: relevance)
        raise self.refuse(function.__name__)

    def check_graph(self, logits: Tensor) -> None:
        """Raise `InputError` where the network did something that the mode has not seen, as in compiled code."""
        strangers = {kind for kind in graph_nodes(logits) if not kind.startswith(HANDED_ON)}
        if strangers or not self.layers:
            what = listed(sorted(strangers)) if strangers else "a network without layers that it can see"
            raise InputError(f"relevance has no rule for {what} in {type(self.network).__name__}")

    @contextmanager
    def following(self) -> Iterator["RelevanceMode"]:
        """Switched on, and told which module is at work."""

        thread = get_ident()  # the hooks are called for modules of all threads

        def enter(module: nn.Module, _: Any) -> None:
            if get_ident() == thread:
                self.path.append(self.names.get(module, ""))

        def leave(*_: Any) -> None:
            if get_ident() == thread:
                self.path.pop()

        before, after = register_module_forward_pre_hook(enter), register_module_forward_hook(leave, always_call=True)
        with before, after, self:
            yield self


def handing_on(inputs: Tensor, value: Tensor, hand_on: Callable[[Tensor], Tensor]) -> Tensor:
    """`value` as a function of `inputs` whose backward pass is `hand_on`, and of nothing else."""
    output: Tensor = HandsOn.apply(inputs, value.detach(), hand_on)
    return output


def tensors_in(value: Any) -> list[Tensor]:
    """All tensors in nested lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [tensor for part in value for tensor in tensors_in(part)]
    return []
