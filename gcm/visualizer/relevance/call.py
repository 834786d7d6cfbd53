"""The calls of PyTorch that relevance can go through."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
TRANSPOSED_CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
LINEAR_CALLS: Mapping[Callable[..., Tensor], tuple[str, ...]] = {
    F.conv2d: CONVOLUTION,
    F.conv_transpose2d: TRANSPOSED_CONVOLUTION,
    F.linear: CONVOLUTION[:3],
}
"""Linear layers, with the names of their arguments."""
BATCH_NORM = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")


def calls(*names: str) -> set[Callable[..., Any]]:
    """Return the functions and tensor methods of these names."""
    return {getattr(home, name) for home in (torch, Tensor) for name in names if hasattr(home, name)}


AVERAGES = calls("mean") | {F.avg_pool2d, F.adaptive_avg_pool2d}
RESIZINGS = {F.interpolate, F.upsample}
"""Resizings average pixels, too."""
ARITHMETIC = calls(
    "add", "sub", "mul", "div", "subtract", "multiply", "divide", "true_divide", "rsub", "neg", "negative", "__add__",
    "__sub__", "__mul__", "__truediv__", "__radd__", "__rsub__", "__rmul__", "__neg__",
)  # fmt: skip
DIVISIONS = calls("div", "divide", "true_divide", "__truediv__")
MULTIPLICATIONS = calls("mul", "multiply", "__mul__")
IN_PLACE: Mapping[Callable[..., Any], Callable[..., Tensor]] = {
    getattr(Tensor, in_place): getattr(Tensor, name)
    for name in ("add", "sub", "mul", "div", "subtract", "multiply", "divide", "true_divide", "neg", "negative")
    for in_place in (f"{name}_", f"__i{name}__", f"__itrue{name}__")
    if hasattr(Tensor, in_place)
} | {Tensor.__itruediv__: Tensor.div, Tensor.__idiv__: Tensor.div}
"""Arithmetic that writes into its first argument, with the function that computes the same."""
WRITES = {Tensor.copy_, Tensor.__setitem__}
MAX_POOLINGS: set[Callable[..., Any]] = {torch.max_pool2d, F.max_pool2d, F.max_pool2d_with_indices}
ATTRIBUTES = {getattr(Tensor, name).__get__ for name in ("T", "mT")}
MOVES = ATTRIBUTES | MAX_POOLINGS | {F.dropout, F.pad, F.pixel_shuffle, F.pixel_unshuffle, F.unfold, Tensor.__getitem__}
MOVES |= calls(
    "flatten", "unflatten", "ravel", "reshape", "reshape_as", "view", "view_as", "expand", "expand_as", "broadcast_to",
    "unsqueeze", "squeeze", "permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t", "flip",
    "fliplr", "flipud", "roll", "rot90", "contiguous", "clone", "to", "type", "type_as", "float", "double", "half",
    "bfloat16", "cpu", "cuda", "cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "repeat", "tile",
    "repeat_interleave", "narrow", "select", "index_select", "split", "split_with_sizes", "chunk", "tensor_split",
    "unbind", "constant_pad_nd",
)  # fmt: skip
"""Their gradient takes relevance to where the value came from; max pooling's to the pixel that won."""
HANDED_ON = {
    "AccumulateGrad", "Alias", "AsStrided", "Cat", "Clone", "ConstantPadNd", "Copy", "CopySlices", "Expand", "Flip",
    "Im2Col", "Index", "IndexSelect", "MaxPool2D", "MaxPool2DWithIndices", "MkldnnMaxPool2D", "Narrow", "Permute",
    "Rot90",
    "PixelShuffle", "PixelUnshuffle", "ReflectionPad2D", "Repeat", "ReplicationPad2D", "Reshape", "ReshapeAlias",
    "Roll", "Select", "Slice", "Split", "SplitWithSizes", "Squeeze", "Stack", "T", "ToCopy", "Transpose", "Unbind",
    "Unflatten",
    "UnsafeSplit", "UnsafeView", "Unsqueeze", "View",
}  # fmt: skip
"""The kinds of autograd nodes that the mode has seen and left as they are."""


class Call(NamedTuple):
    """A function of PyTorch, and its arguments by position and by name."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    named: Mapping[str, Any]

    def __call__(self) -> Any:
        return self.function(*self.args, **self.named)

    @property
    def input(self) -> Any:
        """Its first argument, which PyTorch calls `input`."""
        return self.args[0] if self.args else self.named["input"]

    def with_others(self, others: Mapping[int, Tensor]) -> "Call":
        """Return the same call with other tensors in place of some, by their ids."""
        return Call(self.function, replaced(self.args, others), replaced(self.named, others))


def replaced(value: Any, others: Mapping[int, Tensor]) -> Any:
    """Return nested lists, tuples and dictionaries with other tensors in place of some."""
    if isinstance(value, Tensor):
        return others.get(id(value), value)
    if isinstance(value, Mapping):
        return {name: replaced(part, others) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(replaced(part, others) for part in value)
    return value
