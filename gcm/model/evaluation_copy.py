"""An evaluation copy is a network made for looking at it fast: the same function, without what only training needs."""

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
"""The largest difference of the copy's logits, relative to the largest logit; beyond it the folding was wrong."""


@torch.inference_mode(False)
def evaluation_copy(network: Network, dtype: torch.dtype = torch.float32) -> Network:
    """Make a copy in evaluation mode that visualizers explain faster, for the price of rounding.

    Batch normalisation is folded into the convolution before it, memory is laid out channels last, and no parameter
    wants a gradient. The network itself stays as it is. With `dtype=torch.bfloat16` logits and class activation maps
    carry about two decimal digits, gradients less, since ReLUs near 0 open or close; give the copy images of the type.
    Raises `InputError` where batch normalisation does not directly follow a convolution of the same module.

    >>> import gcm, torch
    >>> network, image = gcm.load("gcm_digits"), torch.ones(1, 1, 32, 32)
    >>> copy = gcm.model.evaluation_copy(network)
    >>> torch.allclose(copy(image), network(image), rtol=1e-3), any(p.requires_grad for p in copy.parameters())
    (True, False)
    """
    copy = deepcopy(network).eval().requires_grad_(False).double()
    fold_batch_norms(copy)
    check_same_function(network, copy)
    return copy.to(dtype).to(memory_format=torch.channels_last)


def fold_batch_norms(network: nn.Module) -> None:
    """Fold each batch normalisation into the convolution defined right before it; an identity takes its place."""
    for parent in network.modules():
        for (name, layer), (next_name, following) in pairwise(list(parent.named_children())):
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and isinstance(following, nn.BatchNorm2d):
                setattr(parent, name, fused(layer, following))
                setattr(parent, next_name, nn.Identity())
    left = [name for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)]
    if left:
        raise InputError(f"{', '.join(left)} of {type(network).__name__} follow no convolution; they cannot be folded")


def fused(convolution: nn.Conv2d | nn.ConvTranspose2d, normalization: nn.BatchNorm2d) -> nn.Module:
    """Return both layers as one; PyTorch's own fusion takes no transposed convolution with groups."""
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
    """Raise `InputError` where a module is not called in the order in which it is defined, on one image of noise."""
    noise = torch.rand(1, *network.spec.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    image = noise.to(next(network.parameters()).device)
    expected = deepcopy(network).eval().double()(image)
    if not torch.allclose(copy(image), expected, rtol=0, atol=TOLERANCE * float(expected.abs().max())):
        raise InputError(f"{type(network).__name__} does not call its layers in the order in which it defines them")
