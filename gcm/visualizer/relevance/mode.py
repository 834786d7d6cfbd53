"""Relevance flows where gradients would, for as long as a `with` block lasts, without touching the network.

A mode sees every function that the network calls. Linear layers become nodes of the graph whose backward pass hands
relevance on by a rule; functions that only move values about keep their own backward pass, which moves relevance the
same way; functions without a rule are refused. So an ordinary backward pass from a logit, begun with its value, ends
with the relevance of the pixels.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node
from torch.nn import functional as F
from torch.nn.modules._functions import BackwardHookFunction
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode

from gcm.error import InputError, listed
from gcm.visualizer.dependence import Dependence, address, call_name, tensors_in
from gcm.visualizer.guided import OpenReLU
from gcm.visualizer.relevance.batch_norm import LinearCall, across, folded
from gcm.visualizer.relevance.call import (
    ARITHMETIC,
    AVERAGES,
    BATCH_NORM,
    DIVISIONS,
    HANDED_ON,
    IN_PLACE,
    LINEAR_CALLS,
    MOVES,
    MULTIPLICATIONS,
    RESIZINGS,
    WRITES,
    Call,
)
from gcm.visualizer.relevance.flow import HandsOn, LayerFlow
from gcm.visualizer.relevance.pixels import Pixels
from gcm.visualizer.relevance.rule import Epsilon, LinearLayer
from gcm.visualizer.relu_check import graph_nodes, kind_of
from gcm.visualizer.relu_mode import RELU_CALLS, is_in_place


class RelevanceMode(TorchFunctionMode):
    """This mode lets backward passes through `network` carry relevance.

    Attributes:
        layers: the linear layers in the order in which they were called. One that batch normalisation follows is there
            twice, alone and with it folded in, as if it had been called twice; the logits need not be made from both.
    """

    def __init__(self, network: nn.Module, images: Tensor) -> None:
        """Watch a network that is called with `images`, a leaf in [0,1]."""
        super().__init__()
        self.network = network
        self.names = {module: name for name, module in network.named_modules()}
        self.path: list[str] = []
        self.layers: list[LayerFlow] = []
        self.averages: list[LayerFlow] = []
        self.calls: dict[int, LinearCall] = {}
        self.read: set[int] = set()
        self.dependence = Dependence([images])
        self.pixels = Pixels(images)

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        call = Call(function, args, kwargs or {})
        result = self.dependence.watched(*call, lambda changing: self.computed(call, changing) if changing else call())
        if function.__name__ != "__get__":  # of an attribute, as the shape
            self.read |= {address(value) for value in self.changing((call.args, call.named))}
        return result

    def computed(self, call: Call, changing: Sequence[Tensor]) -> Any:
        function, args, named = call
        cut = any(self.dependence.is_cut(value) for value in changing)
        if cut and any(value.requires_grad for value in tensors_in((args, named))):
            raise self.refuse(f"{call_name(function)} of values that autograd does not follow (detach, no_grad)")
        if function in LINEAR_CALLS:
            return self.linear(function, **dict(zip(LINEAR_CALLS[function], args, strict=False)), **named)
        if function is F.batch_norm:
            return self.batch_norm(**dict(zip(BATCH_NORM, args, strict=False)), **named)
        if function in RELU_CALLS:
            return self.relu(call.input, is_in_place(function, args, named))
        if function in AVERAGES or function in RESIZINGS:
            return self.average(call)
        if function in IN_PLACE:
            output = self.other(call._replace(function=IN_PLACE[function]), changing)
            return self.write(Call(Tensor.copy_, (call.input, output), {}))
        if function in WRITES and not named:
            return self.write(call)
        return self.other(call, changing)

    @property
    def where(self) -> str:
        """The path of the module at work."""
        return (self.path and self.path[-1]) or type(self.network).__name__

    def refuse(self, what: str) -> InputError:
        return InputError(f"relevance has no rule for {what} in {self.where}")

    def changing(self, values: Any) -> list[Tensor]:
        """Return the tensors in nested lists that depend on the image."""
        return [value for value in tensors_in(values) if self.dependence.on_image(value)]

    def linear(
        self,
        function: Callable[..., Tensor],
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        **settings: Any,
    ) -> Tensor:
        """Call a convolution or matrix product, and let relevance flow through it."""
        if self.changing((weight, bias)):
            raise self.refuse("a layer whose weights depend on the image")
        value = function(input, weight, bias, **settings)
        known = self.pixels.get(input)
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
        output = self.flowing(input, flow)
        self.calls[id(output)] = LinearCall(input, output, output._version, flow, settings.get("groups", 1))
        return output

    def flowing(self, input: Tensor, flow: LayerFlow) -> Tensor:
        """Return the output of a layer."""
        self.layers.append(flow)
        return handing_on(input, flow.layer.outputs, flow)

    def batch_norm(self, input: Tensor, running_mean: Tensor | None, *args: Any, **named: Any) -> Tensor:
        """Call batch normalisation together with the layer before it; other readers of that layer read it without."""
        call = self.calls.get(id(input))
        if call is None or running_mean is None or named.get("training") or call.output._version != call.version:
            raise self.refuse("batch normalisation that does not follow a linear layer, or has no running mean")
        layer = folded(call, running_mean, *args, **named)
        return self.flowing(call.input, LayerFlow(call.flow.path, call.flow.function, layer))

    def relu(self, values: Tensor, in_place: bool) -> Tensor:
        """Let all relevance through; where a ReLU is closed, none comes."""
        if in_place:
            self.about_to_change(values)
        opened: Tensor = OpenReLU.apply(values, in_place)
        return opened

    def average(self, call: Call) -> Tensor:
        """Hand relevance on in proportion to the inputs; of pixels, in proportion to their weights, since black ones
        matter too.
        """
        input = call.input

        def averaged(inputs: Tensor, _: Tensor | None = None) -> Tensor:
            average: Tensor = call.with_others({id(input): inputs})()
            return average

        value = averaged(input)
        if self.pixels.are(input):
            output = handing_on(input, value, spreading(averaged, input.detach()))
            self.pixels.moved(call, [input], output)
            return output
        if call.function in RESIZINGS:
            raise self.refuse(call_name(call.function))
        layer = LinearLayer(averaged, input.detach(), input.new_ones(()), None, value.detach())
        flow = LayerFlow(self.where, call.function, layer)
        flow.rule = Epsilon(0.0)
        self.averages.append(flow)
        return handing_on(input, value, flow)

    def other(self, call: Call, changing: Sequence[Tensor]) -> Any:
        """Make a call that is no layer: it moves values about, brings a constant to the pixels, or multiplies them with
        a map.
        """
        result = call()
        if not any(value.requires_grad for value in tensors_in(result)):
            return result
        pixels = [value for value in changing if self.pixels.are(value)]
        others = [value for value in changing if not self.pixels.are(value)]
        if call.function in MOVES:
            self.pixels.moved(call, changing, result)
            return result
        if call.function in ARITHMETIC and len(pixels) == 1 and not others:
            if call.function in DIVISIONS and call.input is not pixels[0]:
                raise self.refuse("division by the image")
            output = handing_on(pixels[0], result, lambda relevance: relevance)
            self.pixels.shifted(call, pixels[0], output)
            return output
        if call.function in MULTIPLICATIONS and len(pixels) == 1 and len(others) == 1:
            return handing_on(others[0], result, lambda relevance: relevance)
        raise self.refuse(call_name(call.function))

    def write(self, call: Call) -> Tensor:
        """Write pixels, or constants, into a tensor of pixels or constants."""
        target: Tensor = call.args[0]
        if not all(self.pixels.are(value) for value in self.changing(call.args)):
            raise self.refuse("writing into values that depend on the image")
        self.about_to_change(target)
        call()
        if target.requires_grad:
            self.pixels.written(call)
        return target

    def about_to_change(self, values: Tensor) -> None:
        """Let layers keep what they have read, and what others have read of them."""
        storage = address(values)
        for flow in (*self.layers, *self.averages):
            flow.keep(storage, outputs=storage in self.read)

    def check_graph(self, logits: Tensor) -> None:
        """Raise `InputError` where the network did something that the mode has not seen, as in compiled code.

        Layers that the logits are not made from are forgotten.
        """
        nodes = list(graph_nodes(logits))
        ours = [node for node in nodes if is_ours(node)]
        strangers = {kind_of(node) for node in nodes if node not in ours} - HANDED_ON
        strangers |= {f"{name} where autograd does not see it" for name in self.dependence.unseen}
        handing = {id(getattr(node, "hand_on", None)) for node in ours}
        self.layers = [flow for flow in self.layers if id(flow) in handing]
        if strangers or not self.layers:
            what = listed(sorted(strangers)) if strangers else "a network without layers that it can see"
            raise InputError(f"relevance has no rule for {what} in {type(self.network).__name__}")

    @contextmanager
    def following(self) -> Iterator["RelevanceMode"]:
        """Switch the mode on, and tell it which module is at work."""

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


def is_ours(node: Node) -> bool:
    """Return whether a node is ours, or that of a hook, which changes nothing."""
    return isinstance(node, BackwardCFunction) and node._forward_cls in (HandsOn, OpenReLU, BackwardHookFunction)


def handing_on(inputs: Tensor, value: Tensor, hand_on: Callable[[Tensor], Tensor]) -> Tensor:
    """Return `value` as a function of `inputs` whose backward pass is `hand_on`, and of nothing else."""
    output: Tensor = HandsOn.apply(inputs, value.detach(), hand_on)
    return output


def spreading(average: Callable[[Tensor], Tensor], inputs: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a function that hands the relevance of averages on to `inputs` by their weights."""

    @torch.enable_grad()
    def spread(relevance: Tensor) -> Tensor:
        leaf = inputs.clone().requires_grad_()
        averages = average(leaf)
        (spread,) = torch.autograd.grad(averages, leaf, relevance / average(torch.ones_like(inputs)))
        return spread

    return spread
