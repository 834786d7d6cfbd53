"""Finds the values that depend on the image, and what is done to them that autograd does not show."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.autograd.graph import Node
from torch.overrides import TorchFunctionMode

JOINS = {
    "add", "add_", "__add__", "__radd__", "__iadd__", "sub", "sub_", "__sub__", "__rsub__", "__isub__", "subtract",
    "subtract_", "rsub", "cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "column_stack", "copy_",
    "__setitem__", "lerp", "broadcast_tensors", "atleast_1d", "atleast_2d", "atleast_3d", "slice_scatter",
    "select_scatter", "index_add", "index_add_", "index_copy", "index_copy_", "scatter_add", "scatter_add_",
    "max_unpool2d",
}  # fmt: skip
"""Names of calls in which values that depend on the image may meet and stay linear in each; not as masks or indices."""

WRITES = {
    "add_", "sub_", "subtract_", "mul_", "multiply_", "div_", "divide_", "true_divide_", "neg_", "negative_", "copy_",
    "zero_", "fill_", "masked_fill_", "index_fill_", "index_copy_", "index_add_", "index_put_", "scatter_",
    "scatter_add_", "squeeze_", "unsqueeze_", "transpose_", "swapaxes_", "swapdims_", "t_", "requires_grad_", "relu",
    "relu_", "__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__",
}  # fmt: skip
"""Names of calls that write what is linear, or a ReLU that has a rule, into a tensor, perhaps into a part of one, where
autograd's graph shows no more than that something was written."""

SHAPES = {
    "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "randint_like", "new_zeros",
    "new_ones", "new_empty", "new_full", "new_empty_strided",
}  # fmt: skip
"""Names of calls that read no value of their arguments."""

OF_FIRST = {"to", "type_as", "expand_as", "view_as", "reshape_as", "expand", "view", "reshape"}
"""Names of calls that look at the values of their first argument alone."""

LEAVING = {"tolist", "numpy", "__array__", "__bool__", "__dlpack__", "untyped_storage"}
NUMBERS = {"item", "__float__", "__int__", "__index__"}
"""Names of calls with which values leave PyTorch; they may be looked at, or come back as anything."""

ENTERING = {"tensor", "as_tensor", "asarray", "from_numpy", "from_dlpack", "frombuffer", "new_tensor", "full", "set_"}
"""Names of calls with which values come in."""


class Dependence:
    """A record of every call that a network makes, and of the values in it that depend on the image.

    Autograd's graph says which values depend on the image, but not all: a ReLU can be written without any activation of
    PyTorch, as `x * (x > 0)`, with a mask that has no gradient, and memory can be written into behind autograd's back.

    Attributes:
        made: the autograd nodes of the calls recorded.
        products: the autograd nodes where values that depend on the image met in another way than a sum, or were
            written into in a way that is not linear, with what was done.
        unseen: names of the calls that wrote into such values where autograd did not see it.
    """

    def __init__(self, images: Sequence[Tensor] = ()) -> None:
        """Begin an empty record; `images` are the leaves that the network is given."""
        self.images = list(images)
        self.products: dict[Node, str] = {}
        self.left = False
        self.numbers: set[float] = set()
        self.unseen: set[str] = set()
        self.reaching: dict[Node, bool] = {}
        self.made: set[Node] = set()
        self.without_gradient: dict[int, Tensor] = {}
        self.memory: set[int] = set()
        self.same_memory: set[int] = set()

    def on_image(self, value: Tensor) -> bool:
        """Return whether a value depends on the image."""
        if self.is_cut(value) or any(value is leaf for leaf in self.images):
            return True
        return value.grad_fn is not None and self.reaches(value.grad_fn)

    def is_cut(self, value: Tensor) -> bool:
        """Return whether a value depends on the image and autograd does not know it."""
        if id(value) not in self.without_gradient and (value.requires_grad or address(value) not in self.memory):
            return False
        return value.grad_fn is None or not self.reaches(value.grad_fn)  # an autograd.Function gives it a node later

    def reaches(self, node: Node) -> bool:
        """Return whether the graph leads from a node to the image."""
        stack = [node]
        while stack:
            top = stack[-1]
            below = [following for following, _ in top.next_functions if following is not None]
            unknown = [following for following in below if following not in self.reaching]
            if unknown:
                stack += unknown
                continue
            leaf = getattr(top, "variable", None)
            found = any(leaf is image for image in self.images)
            self.reaching[top] = found or any(self.reaching[following] for following in below)
            stack.pop()
        return self.reaching[node]

    def watched(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        named: Mapping[str, Any],
        compute: Callable[[list[Tensor]], Any],
    ) -> Any:
        """Run a call through `compute`, which is told the arguments that depend on the image, and record it."""
        name = call_name(function)
        given = list(tensors_in((args, named)))
        dependent = [value for value in looked_at(name, args, named) if self.on_image(value)]
        before = [version(value) for value in given]
        known = len(self.reaching)
        result = compute(dependent)
        changed = [value for value, first in zip(given, before, strict=True) if version(value) != first]
        results = [*tensors_in(result), *changed]
        if dependent:
            self.note(name, function, args, dependent, changed, results)
            self.left |= name in LEAVING
            if name in NUMBERS:
                self.numbers.add(float(result))
        if self.left and name in ENTERING:
            self.cut(results)
        self.made.update(islice(self.reaching, known, None))
        return result

    def note(
        self,
        name: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        dependent: Sequence[Tensor],
        changed: Sequence[Tensor],
        results: Sequence[Tensor],
    ) -> None:
        hidden = [value for value in changed if self.is_hidden(value)]
        if (hidden or name == "set_" or (name == "data" and function.__name__ == "__set__")) and not within_function():
            self.unseen.add(name)
        memory = {address(value) for value in dependent if value.requires_grad or id(value) in self.same_memory} - {0}
        without = [value for value in results if value.grad_fn is None or not self.reaches(value.grad_fn)]
        self.cut(without)
        self.same_memory |= {id(value) for value in without if address(value) in memory}
        what = self.what_is_not_linear(name, args, dependent, changed)
        for node in (node for value in results for node in nodes_of(value)):
            if self.reaches(node) and what:
                self.products[node] = what

    def cut(self, values: Sequence[Tensor]) -> None:
        """Note values that depend on the image though autograd does not know it; so does all in the same memory."""
        for value in values:
            self.without_gradient[id(value)] = value
            if not value.requires_grad and address(value):
                self.memory.add(address(value))

    def is_hidden(self, value: Tensor) -> bool:
        """Return whether autograd does not see that a value that depends on the image is written into."""
        return id(value) in self.same_memory or (value.requires_grad and not torch.is_grad_enabled())

    def what_is_not_linear(
        self, name: str, args: tuple[Any, ...], dependent: Sequence[Tensor], changed: Sequence[Tensor]
    ) -> str:
        """Return what a call did that is not linear, or an empty string."""
        joined = name in JOINS and (name == "max_unpool2d" or all(value.is_floating_point() for value in dependent))
        if len(dependent) > 1 and not joined:
            return f"{name.strip('_')} of two values that depend on the image"
        if any(isinstance(value, float) and value in self.numbers for value in args):
            return f"{name.strip('_')} with a number that depends on the image"
        return f"{name} in place" if changed and name not in WRITES else ""


class Watched(TorchFunctionMode):
    """This mode lets a network compute as ever, and records its calls.

    Attributes:
        dependence: the record.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dependence = Dependence()

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        return self.dependence.watched(function, args, named, lambda _: function(*args, **named))


def call_name(function: Callable[..., Any]) -> str:
    """Return the name of a function, of an operator without its overload, or of the attribute that is read or set."""
    name: str = function.__name__
    if name in ("__get__", "__set__"):
        return getattr(getattr(function, "__self__", None), "__name__", name)
    return name.partition(".")[0]


def looked_at(name: str, args: tuple[Any, ...], named: Mapping[str, Any]) -> list[Tensor]:
    """Return the tensors whose values count in a call."""
    if name in SHAPES:
        return []
    if name == "new_tensor":
        return list(tensors_in((args[1:], named)))
    if name in OF_FIRST:
        return list(tensors_in(args[:1] or named.get("input")))
    return list(tensors_in((args, named)))


def within_function() -> bool:
    """Return whether the forward pass of an `autograd.Function` is at work, which tells autograd afterwards what it
    wrote.

    PyTorch does not say so; a caller's first argument does.
    """
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        first, *_ = frame.f_code.co_varnames or ("",)
        if isinstance(frame.f_locals.get(first), FunctionCtx):
            return True
        frame = frame.f_back
    return False


def version(value: Tensor) -> int:
    """Return a number that changes whenever a tensor is written into; writes in inference mode do not count."""
    return -1 if value.is_inference() else value._version


def address(value: Tensor) -> int:
    """Return the address of a tensor's memory, which views share; 0 where it has none of its own."""
    if type(value).__name__ == "FakeTensor":  # by which exported programs check what they are given
        return 0
    try:
        return value.untyped_storage().data_ptr()
    except (NotImplementedError, RuntimeError):  # a sparse tensor
        return 0


def nodes_of(value: Tensor) -> Iterator[Node]:
    """Yield the autograd nodes that made a value, and the value that it is a view of."""
    for tensor in (value, value._base):
        if tensor is not None and tensor.grad_fn is not None:
            yield tensor.grad_fn


def tensors_in(value: object) -> Iterator[Tensor]:
    """Yield all tensors in nested lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from tensors_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)
