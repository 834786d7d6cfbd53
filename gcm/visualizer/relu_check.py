"""Whether a network is one of ReLUs alone, as rules for ReLUs must know."""

import re
from collections.abc import Iterable, Iterator

from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node

from gcm.error import InputError, listed
from gcm.visualizer.guided import GuidedReLU, GuidedReLUs

LINEAR = {
    # matrix products, convolutions, normalisation by constants
    "Convolution", "ConvolutionOverrideable", "MkldnnConvolution", "Addmm", "Addmv", "Addbmm", "Baddbmm", "Mm", "Mv",
    "Bmm", "Dot", "Linear", "MkldnnLinear", "NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm", "NativeDropout",
    # sums and multiples
    "Add", "Sub", "Rsub", "Neg", "Mul", "Div", "Sum", "Mean", "CumSum", "Cumsum", "Lerp", "Addcmul", "Addcdiv",
    # poolings, also by the largest value, and enlarging
    "AvgPool2D", "AvgPool3D", "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "MkldnnAdaptiveAvgPool2D",
    "MaxPool2DWithIndices", "MaxPool3DWithIndices", "MkldnnMaxPool2D", "AdaptiveMaxPool2D", "AdaptiveMaxPool3D",
    "UpsampleNearest1D", "UpsampleNearest2D", "UpsampleNearest3D", "UpsampleNearestExact2D", "UpsampleBilinear2D",
    "UpsampleBilinear2DAa", "UpsampleBicubic2D", "UpsampleBicubic2DAa", "UpsampleLinear1D", "UpsampleTrilinear3D",
    # values moved about
    "AccumulateGrad", "Alias", "AsStrided", "Cat", "Chunk", "Clone", "ConstantPadNd", "Contiguous", "Copy",
    "CopySlices", "Detach", "Diagonal", "Expand", "Flip", "Gather", "Im2Col", "Col2Im", "Index", "IndexSelect",
    "Narrow", "Permute", "PixelShuffle", "PixelUnshuffle", "ReflectionPad1D", "ReflectionPad2D", "ReflectionPad3D",
    "Repeat",
    "ReplicationPad1D", "ReplicationPad2D", "ReplicationPad3D", "Reshape", "ReshapeAlias", "Roll", "Select", "Slice",
    "Split", "SplitWithSizes", "Squeeze", "Stack", "T", "ToCopy", "Transpose", "Unbind", "Unflatten", "Unfold",
    "UnsafeSplit", "UnsafeView", "Unsqueeze", "View", "ViewAsReal",
}  # fmt: skip
"""Kinds of autograd nodes of what is linear in each value that it reads, or a pooling."""
ENDING = re.compile(r"Backwards?\d*$")


def check_only_relus(outputs: Tensor, relus: GuidedReLUs, network: str, method: str) -> None:
    """Raise `InputError` unless all that lies behind `outputs` is linear, a pooling, or a ReLU that the mode reached.

    Without this a network with, say, `clamp(min=0)` in place of a ReLU would be answered as if that were not there.
    """
    check_no_stranger(outputs, relus, network, method)
    if not relus.count:
        raise InputError(f"{method} needs ReLUs; none was seen in {network} (are they hidden in compiled code?)")


def check_no_stranger(outputs: Tensor, relus: GuidedReLUs, network: str, method: str) -> None:
    """The same, but without any ReLU at all there is nothing to reach."""
    strangers = set(relus.dependence.left)
    for node in nodes_between(outputs, relus.dependence.images.values()):
        if not is_rule(node) and (kind_of(node) not in LINEAR or getattr(node, "_saved_training", False)):
            strangers.add(kind_of(node))
        elif node in relus.dependence.products:
            strangers.add(f"{relus.dependence.products[node]} of two values that depend on the image")
    if strangers:
        raise InputError(
            f"{method} is defined for ReLU networks; {network} has other activations: {listed(sorted(strangers))}"
        )


def is_rule(node: Node) -> bool:
    """Whether it is a ReLU that goes back by a rule of ours."""
    return isinstance(node, BackwardCFunction) and issubclass(node._forward_cls, GuidedReLU)


def kind_of(node: Node) -> str:
    """`Convolution` for `ConvolutionBackward0`; of a function written in Python the whole name, so that it is none of
    PyTorch's."""
    name = type(node).__name__
    if name == "CppFunction":
        return "compiled code"
    return name if isinstance(node, BackwardCFunction) else ENDING.sub("", name)


def nodes_between(outputs: Tensor, images: Iterable[Tensor]) -> set[Node]:
    """The autograd nodes from `outputs` to the leaves `images`, not those that weights are computed by."""
    leaves = {id(leaf) for leaf in images}
    above: dict[Node, list[Node]] = {}
    reached: list[Node] = []
    for node in graph_nodes(outputs):
        if id(getattr(node, "variable", None)) in leaves:
            reached.append(node)
        for below, _ in node.next_functions:
            if below is not None:
                above.setdefault(below, []).append(node)
    found: set[Node] = set()
    while reached:
        node = reached.pop()
        if node not in found:
            found.add(node)
            reached += above.get(node, [])
    return found


def graph_nodes(outputs: Tensor) -> Iterator[Node]:
    """All autograd nodes behind `outputs`."""
    stack: list[Node | None] = [outputs.grad_fn]
    seen: set[Node] = set()
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        stack += [following for following, _ in node.next_functions]
