"""What calls of PyTorch relevance can go through."""

from collections.abc import Callable, Mapping

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
AVERAGES = {torch.mean, Tensor.mean, F.avg_pool2d, F.adaptive_avg_pool2d}
ARITHMETIC = {
    getattr(home, name)
    for home in (torch, Tensor)
    for name in ("add", "sub", "mul", "div", "__add__", "__sub__", "__mul__", "__truediv__", "__radd__", "__rsub__",
                 "__rmul__")
    if hasattr(home, name)
}  # fmt: skip
DIVISIONS = {torch.div, Tensor.div, Tensor.__truediv__}
MULTIPLICATIONS = {torch.mul, Tensor.mul, Tensor.__mul__}
MOVES = {
    torch.flatten, Tensor.flatten, Tensor.unflatten, torch.reshape, Tensor.reshape, Tensor.view, Tensor.expand,
    torch.unsqueeze, Tensor.unsqueeze, torch.squeeze, Tensor.squeeze, torch.permute, Tensor.permute, torch.transpose,
    Tensor.transpose, torch.flip, Tensor.flip, Tensor.contiguous, Tensor.clone, Tensor.to, torch.cat,
    Tensor.__getitem__, torch.max_pool2d, F.max_pool2d, F.max_pool2d_with_indices, F.dropout,
}  # fmt: skip
"""Their gradient takes relevance to where the value came from; max pooling's to the pixel that won."""
HANDED_ON = (
    "HandsOn", "OpenReLU", "AccumulateGrad", "View", "Reshape", "UnsafeView", "Unflatten", "Expand", "Unsqueeze",
    "Squeeze", "Permute", "Transpose", "TBackward", "Clone", "ToCopy", "Cat", "Slice", "Select", "Index", "Alias",
    "Flip", "MaxPool2D",
)  # fmt: skip
"""How the autograd nodes begin of what the mode has seen."""
