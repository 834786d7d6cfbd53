"""Transposed convolutions back through a path network: the filter-contribution paper's picture of a filter."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv2d_input

from gcm.data import Split
from gcm.data.loader import pixel_batches
from gcm.model import PathNetwork, evaluation_mode
from gcm.model.path_network import POOLINGS
from gcm.study.filter_image.unit import path_signs


@torch.no_grad()
def deconvolution(network: PathNetwork, largest: Tensor) -> Tensor:
    """Return the paper's picture: the linear layer's input at its maximising values for one filter, back through both
    layers.

    For each second-layer filter `j` the class is taken whose score it can raise most. Where that class's weight is
    positive, the filter's pooled map is set to the largest value seen there on real images, `largest` `(F2,p,q)`, and
    to 0 elsewhere. Unpooling writes a value to every place of its window; no map after a ReLU is negative, so negative
    values are set to 0; convolutions go back transposed, without biases, for a path that inhibits with the opposite
    sign. Returned are images `(F1+1,F2,C,H,W)`, each scaled to its largest value: those of the paths `i -> j`, and last
    those of the whole filter `j`.
    """
    first, second = network.filters
    weight = network.linear.weight.view(-1, *largest.shape)  # (K,F2,p,q)
    raised = (weight.clamp_min(0) * largest).sum((2, 3)).argmax(0)  # (F2)
    wanted = largest * (weight[raised, torch.arange(second)] > 0)  # (F2,p,q)
    maps1 = network.convolution1(largest.new_zeros(1, *network.spec.shape))
    pooled1 = network.pooling1(maps1)
    maps2 = network.convolution2(pooled1)
    alone = torch.diag_embed(wanted.permute(1, 2, 0)).permute(2, 3, 0, 1)  # (F2,F2,p,q): only filter j is not 0
    layer1, layer2 = network.convolution1, network.convolution2
    back2 = conv2d_input(
        [second, *pooled1.shape[1:]],
        layer2.weight,
        unpooled(alone, network.pooling2, maps2),
        layer2.stride,
        layer2.padding,
        layer2.dilation,
    )  # (F2,F1,h,w)
    of_paths = path_signs(network).T.diag_embed(dim1=0, dim2=2)[:, :, :, None, None] * back2  # (F1,F2,F1,h,w)
    chosen = torch.cat([of_paths, back2.unsqueeze(0)]).clamp_min(0).flatten(0, 1)  # ((F1+1)*F2,F1,h,w)
    pixels = conv2d_input(
        [len(chosen), *network.spec.shape],
        layer1.weight,
        unpooled(chosen, network.pooling1, maps1),
        layer1.stride,
        layer1.padding,
        layer1.dilation,
        layer1.groups,
    ).clamp_min(0)
    pixels = pixels / pixels.amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
    images: Tensor = pixels.view(first + 1, second, *network.spec.shape)
    return images


def unpooled(values: Tensor, pooling: nn.Module, before: Tensor) -> Tensor:
    """Write each value of pooled maps to every place of its window, of maps of the size of `before`.

    Where windows overlap their values are added up.
    """
    assert isinstance(pooling, POOLINGS)
    with torch.enable_grad():
        places = before.new_zeros(len(values), *values.shape[1:2], *before.shape[2:], requires_grad=True)
        sums = F.avg_pool2d(
            places, pooling.kernel_size, pooling.stride, pooling.padding, pooling.ceil_mode, divisor_override=1
        )
        (spread,) = torch.autograd.grad(sums, places, values)
    return spread


def largest_pooled(network: PathNetwork, split: Split, places: Tensor, batch_size: int = 250) -> Tensor:
    """Return the largest value at each place of the second layer's pooled maps, `(F2,p,q)`."""
    device = next(network.parameters()).device
    batches = pixel_batches(split.subset(places), batch_size, device, "largest pooled values")
    with torch.inference_mode(), evaluation_mode(network):
        maxima = [network.pooling2(network.features(pixels)).amax(0) for pixels, _ in batches]
    return torch.stack(maxima).amax(0).clone()
