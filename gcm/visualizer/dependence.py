"""Which values depend on the image, and what is done to them that autograd does not show."""

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
    getattr(home, name)
    for home in (torch, Tensor)
    for name in ("add", "add_", "__add__", "__radd__", "__iadd__", "sub", "sub_", "__sub__", "__rsub__", "__isub__",
                 "subtract", "subtract_", "rsub", "cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack",
                 "column_stack", "copy_", "expand_as", "view_as", "reshape_as", "type_as", "to")
    if hasattr(home, name)
} | {Tensor.__setitem__, torch.nn.functional.max_unpool2d}  # fmt: skip
"""Calls in which values that depend on the image may meet and stay linear in each."""

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
"""Names of calls whose results depend on the shape of what they are given alone."""

LEAVING = {"item", "tolist", "numpy", "__array__", "__float__", "__int__", "__index__", "__dlpack__", "untyped_storage"}
"""Names of calls with which numbers leave PyTorch, and may come back as anything."""


class Dependence:
    """Is told every call that a network makes.

    Autograd's graph says which values depend on the image, but not all: a ReLU can be written without any activation of
    PyTorch, as `x * (x > 0)`, with a mask that has no gradient, and memory can be written into behind autograd's back.

    Attributes:
        made: the autograd nodes of the calls it was told of.
        products: where values that depend on the image met in another way than a sum, or were written into in a way
            that is not linear: the autograd node, and what was done.
        left: names of the calls with which numbers left PyTorch.
        unseen: names of the calls that wrote into such values where autograd did not see it.
    """

    def __init__(self, images: Sequence[Tensor] = ()) -> None:
        """`images`: the leaves that the network is given."""
        self.images = list(images)
        self.products: dict[Node, str] = {}
        self.left: set[str] = set()
        self.unseen: set[str] = set()
        self.reaching: dict[Node, bool] = {}
        self.made: set[Node] = set()
        self.without_gradient: dict[int, Tensor] = {}
        self.same_memory: set[int] = set()

    def on_image(self, value: Tensor) -> bool:
        """Whether it depends on the image."""
        if id(value) in self.without_gradient or any(value is leaf for leaf in self.images):
            return True
        return value.grad_fn is not None and self.reaches(value.grad_fn)

    def is_cut(self, value: Tensor) -> bool:
        """Whether it depends on the image, and autograd does not know it."""
        if id(value) not in self.without_gradient:
            return False
        return value.grad_fn is None or not self.reaches(value.grad_fn)  # an autograd.Function gives it a node later

    def reaches(self, node: Node) -> bool:
        """Whether the graph leads from there to the image."""
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
        """What `compute` makes of a call, of whose arguments it is told which depend on the image."""
        given = list(tensors_in((args, named)))
        dependent = [value for value in given if self.on_image(value)]
        before = [version(value) for value in given]
        known = len(self.reaching)
        result = compute(dependent)
        changed = [value for value, first in zip(given, before, strict=True) if version(value) != first]
        if dependent:
            self.note(function, args, dependent, changed, [*tensors_in(result), *changed])
        self.made.update(islice(self.reaching, known, None))
        return result

    def note(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        dependent: Sequence[Tensor],
        changed: Sequence[Tensor],
        results: Sequence[Tensor],
    ) -> None:
        name = call_name(function)
        if name in LEAVING:
            self.left.add(name)
        if name in SHAPES:
            return
        hidden = [value for value in changed if self.is_hidden(value)]
        if hidden and not within_function():
            self.unseen.add(name)
        memory = {address(value) for value in dependent if value.requires_grad or id(value) in self.same_memory} - {0}
        for value in results:
            if value.grad_fn is None or not self.reaches(value.grad_fn):
                self.without_gradient[id(value)] = value
                if address(value) in memory:
                    self.same_memory.add(id(value))
        what = self.what_is_not_linear(function, args, dependent, changed)
        for node in (node for value in results for node in nodes_of(value)):
            if self.reaches(node) and what:
                self.products[node] = what

    def is_hidden(self, value: Tensor) -> bool:
        """Whether autograd does not see that a value that depends on the image is written into."""
        return id(value) in self.same_memory or (value.requires_grad and not torch.is_grad_enabled())

    def what_is_not_linear(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        dependent: Sequence[Tensor],
        changed: Sequence[Tensor],
    ) -> str:
        """What a call did, or an empty string."""
        name = call_name(function)
        by_index = function is Tensor.__setitem__ and any(self.on_image(value) for value in tensors_in(args[1]))
        if len(dependent) > 1 and (by_index or function not in JOINS):
            return f"{name.strip('_')} of two values that depend on the image"
        return f"{name} in place" if changed and name not in WRITES else ""


class Watched(TorchFunctionMode):
    """Within this mode a network computes as ever, and its calls are noted.

    Attributes:
        dependence: what it was told.
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
    """Of a function, or of the attribute that is read."""
    name: str = function.__name__
    return getattr(getattr(function, "__self__", None), "__name__", name) if name == "__get__" else name


def within_function() -> bool:
    """Whether the forward pass of an `autograd.Function` is at work, which tells autograd afterwards what it wrote.

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
    """A number that changes whenever it is written into; inference mode does not count."""
    return -1 if value.is_inference() else value._version


def address(value: Tensor) -> int:
    """Of its memory; 0 where it has none of its own."""
    try:
        return value.untyped_storage().data_ptr()
    except (NotImplementedError, RuntimeError):  # a sparse tensor
        return 0


def nodes_of(value: Tensor) -> Iterator[Node]:
    """Where a value, and what it is a view of, came from."""
    for tensor in (value, value._base):
        if tensor is not None and tensor.grad_fn is not None:
            yield tensor.grad_fn


def tensors_in(value: object) -> Iterator[Tensor]:
    """All tensors in nested lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from tensors_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)
