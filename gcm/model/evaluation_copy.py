"""A network made for looking at it fast: the same function, with nothing left that only training needs."""

from copy import deepcopy
from itertools import pairwise
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gcm.error import InputError
from gcm.model.base import Classifier

Network = TypeVar("Network", bound=Classifier)

TOLERANCE = 1e-4
"""By how much the copy's logits may differ, relative to the largest; beyond it the folding was wrong."""


@torch.inference_mode(False)
def evaluation_copy(network: Network, dtype: torch.dtype = torch.float32) -> Network:
    """A copy in evaluation mode that visualizers explain faster, for the price of rounding.

    Batch normalisation is folded into the convolution before it, memory is laid out channels last, and no parameter
    wants a gradient. The network itself stays as it is. With `dtype=torch.bfloat16` logits and class activation maps
    carry about two decimal digits, gradients less, since ReLUs near 0 open or close; give the copy images of the type.

    Raises `InputError` where batch normalisation does not directly follow a convolution of the same module.
    """
    copy = deepcopy(network).eval().requires_grad_(False).double()
    fold_batch_norms(copy)
    check_same_function(network, copy)
    return copy.to(dtype).to(memory_format=torch.channels_last)


def fold_batch_norms(network: nn.Module) -> None:
    """Each batch normalisation into the convolution defined right before it; an identity takes its place."""
    for parent in network.modules():
        for (name, layer), (next_name, following) in pairwise(list(parent.named_children())):
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and isinstance(following, nn.BatchNorm2d):
                setattr(parent, name, fused(layer, following))
                setattr(parent, next_name, nn.Identity())
    left = [name for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)]
    if left:
        raise InputError(f"{', '.join(left)} of {type(network).__name__} follow no convolution; they cannot be folded")


def fused(convolution: nn.Conv2d | nn.ConvTranspose2d, normalization: nn.BatchNorm2d) -> nn.Module:
    """Both as one layer. PyTorch's own fusion takes no transposed convolution with groups."""
    if isinstance(convolution, nn.Conv2d):
        return fuse_conv_bn_eval(convolution, normalization)
    assert normalization.running_var is not None
    assert normalization.running_mean is not None
    scale = normalization.weight * (normalization.running_var + normalization.eps).rsqrt()
    groups = convolution.groups
    by_group = convolution.weight.view(groups, -1, *convolution.weight.shape[1:])  # (G,inputs/G,outputs/G,h,w)
    bias = 0 if convolution.bias is None else convolution.bias
    folded = deepcopy(convolution)
    folded.weight = nn.Parameter((by_group * scale.view(groups, 1, -1, 1, 1)).view_as(convolution.weight))
    folded.bias = nn.Parameter((bias - normalization.running_mean) * scale + normalization.bias)
    return folded.requires_grad_(False)


@torch.no_grad()
def check_same_function(network: Classifier, copy: Classifier) -> None:
    """On one image of noise; raises `InputError` where a module is not called in the order in which it is defined."""
    noise = torch.rand(1, *network.spec.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    image = noise.to(next(network.parameters()).device)
    expected = deepcopy(network).eval().double()(image)
    if not torch.allclose(copy(image), expected, rtol=0, atol=TOLERANCE * float(expected.abs().max())):
        raise InputError(f"{type(network).__name__} does not call its layers in the order in which it defines them")
