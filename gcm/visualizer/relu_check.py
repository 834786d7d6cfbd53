"""Checks that a network has ReLUs for its only activations, as rules for ReLUs need it."""

import re
from collections.abc import Iterator

from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node
from torch.nn.modules._functions import BackwardHookFunction

from gcm.error import InputError, listed
from gcm.visualizer.guided import GuidedReLU, GuidedReLUs

LINEAR = {
    # matrix products, convolutions, normalisation by constants
    "Convolution", "ConvolutionOverrideable", "MkldnnConvolution", "Addmm", "Addmv", "Addbmm", "Baddbmm", "Mm", "Mv",
    "Bmm", "Dot", "Linear", "MkldnnLinear", "NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm", "NativeDropout",
    # sums and multiples
    "Add", "Sub", "Rsub", "Neg", "Mul", "Div", "Sum", "Mean", "CumSum", "Cumsum", "Lerp", "Addcmul", "Addcdiv",
    "Where", "MaskedFill", "Tril", "Triu", "SparseMm",
    # poolings, also by the largest value, and enlarging
    "AvgPool2D", "AvgPool3D", "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "MkldnnAdaptiveAvgPool2D",
    "MaxPool2DWithIndices", "MaxPool3DWithIndices", "MkldnnMaxPool2D", "AdaptiveMaxPool2D", "AdaptiveMaxPool3D",
    "UpsampleNearest1D", "UpsampleNearest2D", "UpsampleNearest3D", "UpsampleNearestExact2D", "UpsampleBilinear2D",
    "UpsampleBilinear2DAa", "UpsampleBicubic2D", "UpsampleBicubic2DAa", "UpsampleLinear1D", "UpsampleTrilinear3D",
    # values moved about
    "AccumulateGrad", "Alias", "AsStrided", "Cat", "Chunk", "Clone", "ConstantPadNd", "Contiguous", "Copy",
    "CopySlices", "Detach", "Diagonal", "Expand", "Flip", "Gather", "Im2Col", "Col2Im", "Index", "IndexSelect",
    "IndexPut", "IndexPutImpl", "IndexCopy", "IndexAdd", "IndexFill", "Scatter", "ScatterAdd", "SliceScatter",
    "SelectScatter", "MaskedSelect", "Rot90", "NativeChannelShuffle", "ChannelShuffle", "GridSampler2D", "MaxUnpool2D",
    "Narrow", "Permute", "PixelShuffle", "PixelUnshuffle", "ReflectionPad1D", "ReflectionPad2D", "ReflectionPad3D",
    "Repeat",
    "ReplicationPad1D", "ReplicationPad2D", "ReplicationPad3D", "Reshape", "ReshapeAlias", "Roll", "Select", "Slice",
    "Split", "SplitWithSizes", "Squeeze", "Stack", "T", "ToCopy", "Transpose", "Unbind", "Unflatten", "Unfold",
    "UnsafeSplit", "UnsafeView", "Unsqueeze", "View", "ViewAsReal",
}  # fmt: skip
"""Kinds of autograd nodes that are linear in each value that they read, or a pooling."""
FACTORS = {
    "Index",
    "IndexPut",
    "IndexPutImpl",
    "IndexCopy",
    "IndexAdd",
    "Gather",
    "Scatter",
    "ScatterAdd",
    "MaskedSelect",
    "Mul",
    "Div",
    "Bmm",
    "Mm",
    "Mv",
    "Dot",
    "Addmm",
    "Baddbmm",
    "Where",
    "MaskedFill",
    "Lerp",
    "Addcmul",
    "Addcdiv",
}
"""Kinds that are linear only if not both of their inputs depend on the image; graphs do not always show that."""
DIVISORS = {"Div": 1, "Addcdiv": 2}
"""The place of the divisor among a node's inputs."""
ENDING = re.compile(r"Backwards?\d*$")


def check_only_relus(outputs: Tensor, relus: GuidedReLUs, network: str, method: str) -> None:
    """Raise `InputError` unless all that lies behind `outputs` is linear, a pooling, or a ReLU that the mode reached.

    Without this a network with, say, `clamp(min=0)` in place of a ReLU would be answered as if that were not there.
    """
    check_no_stranger(outputs, relus, network, method)
    if not relus.count:
        raise InputError(f"{method} needs ReLUs; none was seen in {network} (are they hidden in compiled code?)")


def check_no_stranger(outputs: Tensor, relus: GuidedReLUs, network: str, method: str) -> None:
    """Raise `InputError` as `check_only_relus` does, but a network without any ReLU passes."""
    dependence = relus.dependence
    strangers = {f"{name} where autograd does not see it" for name in dependence.unseen}
    strangers |= {stranger(node, relus) for node in graph_nodes(outputs) if dependence.reaches(node)} - {""}
    if strangers:
        raise InputError(
            f"{method} is defined for ReLU networks; {network} has other activations: {listed(sorted(strangers))}"
        )


def stranger(node: Node, relus: GuidedReLUs) -> str:
    """Return what a node that depends on the image is, if it is neither linear nor a pooling nor a ReLU that has a
    rule.
    """
    dependence = relus.dependence
    if isinstance(node, BackwardCFunction) and issubclass(node._forward_cls, (GuidedReLU, BackwardHookFunction)):
        return ""
    kind = kind_of(node)
    if kind not in LINEAR or getattr(node, "_saved_training", False):
        return kind
    if node in dependence.products:
        return dependence.products[node]
    if kind in FACTORS and relus.watching and node not in dependence.made:
        return f"{kind} in compiled code"
    divisor = DIVISORS.get(kind)
    if divisor is not None:
        by = node.next_functions[divisor][0]
        return f"{kind} by a value that depends on the image" if by is not None and dependence.reaches(by) else ""
    return ""


def kind_of(node: Node) -> str:
    """Return the kind of a node, `Convolution` for `ConvolutionBackward0`.

    A function written in Python gives its whole name, so that it is none of PyTorch's.
    """
    name = type(node).__name__
    if name == "CppFunction":
        return "compiled code"
    return name if isinstance(node, BackwardCFunction) else ENDING.sub("", name)


def graph_nodes(outputs: Tensor) -> Iterator[Node]:
    """Yield all autograd nodes behind `outputs`."""
    stack: list[Node | None] = [outputs.grad_fn]
    seen: set[Node] = set()
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        stack += [following for following, _ in node.next_functions]
