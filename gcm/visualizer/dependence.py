"""Which values depend on the image, and where two of them meet in another way than side by side or in a sum."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node

JOINS = {
    getattr(home, name)
    for home in (torch, Tensor)
    for name in ("add", "add_", "__add__", "__radd__", "__iadd__", "sub", "sub_", "__sub__", "__rsub__", "__isub__",
                 "subtract", "subtract_", "rsub", "cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack",
                 "column_stack", "copy_", "expand_as", "view_as", "reshape_as", "type_as", "to")
    if hasattr(home, name)
} | {Tensor.__setitem__}  # fmt: skip
"""Calls in which values that depend on the image may meet and stay linear in it."""

LEAVING = {
    getattr(Tensor, name)
    for name in ("item", "tolist", "numpy", "__array__", "__float__", "__int__", "__index__")
}  # fmt: skip
"""Calls with which numbers leave PyTorch, and may come back as anything."""


class Dependence:
    """Is told every call that a network makes.

    A ReLU can be written without any activation of PyTorch, as `x * (x > 0)`, with masks that autograd does not know.
    So values that depend on the image are followed beside autograd, too.

    Attributes:
        products: where two of them met in another way than a sum: the autograd node, and the call's name.
        left: names of the calls with which numbers left PyTorch.
    """

    def __init__(self) -> None:
        self.images: dict[int, Tensor] = {}
        self.constants: dict[int, Tensor] = {}
        self.without_gradient: dict[int, Tensor] = {}
        self.products: dict[Node, str] = {}
        self.left: set[str] = set()

    def follow(self, images: Tensor) -> None:
        """The leaf that the network is given."""
        self.images[id(images)] = images

    def on_image(self, value: Tensor) -> bool:
        """Whether it depends on the image; other leaves are weights."""
        if id(value) in self.images or id(value) in self.without_gradient:
            return True
        return value.requires_grad and not value.is_leaf and id(value) not in self.constants

    def note(
        self, function: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any], result: object
    ) -> None:
        given = list(tensors_in((args, named)))
        dependent = [value for value in given if self.on_image(value)]
        changed = given[:1] if changes_first(function) else []
        results = [*tensors_in(result), *changed, *tensors_in(named.get("out"))]
        if not dependent:
            self.constants |= {id(value): value for value in results if value.requires_grad}
            return
        if function in LEAVING:
            self.left.add(function.__name__)
        if takes_shape_alone(function):
            return
        self.without_gradient |= {id(value): value for value in results if not value.requires_grad}
        if len(dependent) > 1 and function not in JOINS:
            for value in results:
                for node in (value.grad_fn, value._base.grad_fn if value._base is not None else None):
                    if node is not None:
                        self.products[node] = function.__name__.strip("_")


def changes_first(function: Callable[..., Any]) -> bool:
    """Whether a call writes into its first argument."""
    name = function.__name__
    return name == "__setitem__" or (name.endswith("_") and not name.endswith("__")) or name.startswith("__i")


def takes_shape_alone(function: Callable[..., Any]) -> bool:
    """As `zeros_like`, whose result depends on no value."""
    return function.__name__.startswith("new_") or function.__name__.endswith("_like")


def tensors_in(value: object) -> Iterator[Tensor]:
    """All tensors in nested lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from tensors_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)
