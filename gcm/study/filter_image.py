"""The input that a unit likes best: found by ascent, by running the network backwards, and among real images."""

from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv2d_input
from torchvision.transforms.functional import gaussian_blur

from gcm.console import with_progress
from gcm.data import Split
from gcm.data.loader import seeded_generator
from gcm.model import Classifier, PathNetwork
from gcm.model.path_network import POOLINGS
from gcm.setting import Count, PositiveCount, Share
from gcm.study.unit import Units, channels_of, path_signs, paths_of
from gcm.visualizer.base import inspected
from gcm.visualizer.guided import DeconvnetReLU, GuidedReLU, GuidedReLUs, OpenReLU, check_no_stranger


@dataclass(frozen=True, kw_only=True)
class Ascent:
    """Gradient ascent on the image itself, regularised after Yosinski et al., "Understanding neural networks through
    deep visualization", 2015: every step is followed by decay, every few by a blur, and values stay in [0,1].

    Attributes:
        steps: how many.
        step_size: root mean square of a step, in units of the pixels' range.
        decay: the share of every value that is taken away after a step.
        blur_every: steps between two blurs; 0: never.
        blur: the Gaussian's standard deviation, in pixels.
        seed: of the noise, uniform in [0,1], from which all units start.
    """

    steps: PositiveCount = 200
    step_size: float = 0.02
    decay: Share = 0.01
    blur_every: Count = 4
    blur: float = 0.5
    seed: Count = 0

    def __call__(self, network: Classifier, units: Units) -> Tensor:
        """An image for each unit: `(U,C,H,W)` in [0,1].

        Where a unit is closed at every place, so that its gradient is 0, the gradient ignores the ReLUs.
        """
        device = next(network.parameters()).device
        noise = torch.rand(1, *network.spec.shape, generator=seeded_generator("cpu", self.seed)).to(device)
        with inspected(network, noise, None, guided=False):
            images = noise.repeat(units(noise).shape[1], 1, 1, 1)
            for step in range(1, self.steps + 1):
                gradient = unit_gradients(units, images)
                size = root_mean_square(gradient)
                if not size.all():
                    with GuidedReLUs(OpenReLU):
                        gradient = torch.where(size > 0, gradient, unit_gradients(units, images))
                    size = root_mean_square(gradient)
                images = images + self.step_size * gradient / size.clamp_min(1e-12)
                images = images * (1 - self.decay)
                if self.blur_every and step % self.blur_every == 0:
                    images = blurred(images, self.blur)
                images = images.clamp(0, 1)
        return images


def blurred(images: Tensor, deviation: float) -> Tensor:
    """By a Gaussian that is cut off at three standard deviations, or where the image ends."""
    reach = min(ceil(3 * deviation), *(size - 1 for size in images.shape[2:]))
    soft: Tensor = gaussian_blur(images, [2 * reach + 1] * 2, [deviation] * 2)
    return soft


def root_mean_square(gradient: Tensor) -> Tensor:
    return gradient.square().mean((1, 2, 3), keepdim=True).sqrt()


def unit_gradients(units: Units, images: Tensor) -> Tensor:
    """Of the `u`-th unit for the `u`-th image: `(U,C,H,W)`."""
    with torch.enable_grad():
        leaf = images.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(units(leaf).diagonal().sum(), leaf)
    return gradient


def ruled_gradients(network: Classifier, units: Units, images: Tensor, rule: type[GuidedReLU]) -> Tensor:
    """The same by the guided rule or a deconvnet's. Raises `InputError` for activations that these do not reach."""
    with inspected(network, images, None, guided=False), torch.enable_grad():
        leaf = images.clone().requires_grad_()
        with GuidedReLUs(rule) as relus:
            answers = units(leaf).diagonal().sum()
        check_no_stranger(answers, relus, type(network).__name__)
        (gradient,) = torch.autograd.grad(answers, leaf)
    return gradient


@torch.no_grad()
def backwards(network: PathNetwork, largest: Tensor) -> Tensor:
    """The paper's way: the linear layer's input at its maximising values for one filter, then back through both layers.

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
    maps1 = network.convolution1(torch.zeros(1, *network.spec.shape, device=largest.device))
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
    """Each value of pooled maps written to every place of its window, of maps of the size of `before`; where windows
    overlap their values are added up."""
    assert isinstance(pooling, POOLINGS)
    with torch.enable_grad():
        places = before.new_zeros(len(values), *values.shape[1:2], *before.shape[2:], requires_grad=True)
        sums = F.avg_pool2d(
            places, pooling.kernel_size, pooling.stride, pooling.padding, pooling.ceil_mode, divisor_override=1
        )
        (spread,) = torch.autograd.grad(sums, places, values)
    return spread


@dataclass(frozen=True)
class FilterImages:
    """What some units like best, each way with how strongly it is answered. `U`: units.

    Attributes:
        names: of the units.
        ascent: `(U,C,H,W)` in [0,1].
        transposed: the paper's way, likewise; None for networks without filter paths.
        real: the images that they answer most strongly.
        places: `(U,)`, of these in their split.
        deconvnet, guided: what of the real image a unit answers by these rules, `(U,C,H,W)`, signed.
        answers: by the name of a way, `(U,)`.
        looked_at: how many real images.
    """

    names: list[str]
    ascent: Tensor
    transposed: Tensor | None
    real: Tensor
    places: Tensor
    deconvnet: Tensor
    guided: Tensor
    answers: dict[str, Tensor]
    looked_at: int


def filter_images_of_layer(
    name: str, network: Classifier, layer: str, ascent: Ascent, split: Split, places: Tensor
) -> FilterImages:
    """For every channel of a layer, among the real images at `places` of a split."""
    units = channels_of(network, layer)
    with torch.no_grad():
        count = units(torch.zeros(1, *network.spec.shape, device=next(network.parameters()).device)).shape[1]
    names = [f"{layer} {number + 1}" for number in range(count)]
    return filter_images(name, network, units, names, ascent, split, places, None)


def filter_images_of_paths(
    name: str, network: PathNetwork, ascent: Ascent, split: Split, places: Tensor
) -> FilterImages:
    """For every filter of the second layer and every path to it."""
    first, second = network.filters
    filters, paths = channels_of(network, "relu2"), paths_of(network)

    def units(images: Tensor) -> Tensor:
        return torch.cat([filters(images), paths(images)], 1)

    names = [f"filter {j + 1}" for j in range(second)]
    signs = path_signs(network)
    names += [
        f"path {i + 1}→{j + 1}" + (",\ninhibits" if signs[i, j] < 0 else "")
        for i in range(first)
        for j in range(second)
    ]
    made = backwards(network, largest_pooled(network, split, places))
    transposed = torch.cat([made[-1], made[:-1].flatten(0, 1)])
    return filter_images(name, network, units, names, ascent, split, places, transposed)


def filter_images(
    name: str,
    network: Classifier,
    units: Units,
    names: list[str],
    ascent: Ascent,
    split: Split,
    places: Tensor,
    transposed: Tensor | None,
) -> FilterImages:
    climbed = ascent(network, units)
    answers, best = strongest(name, network, units, split, places)
    device = climbed.device
    real = split[best][0].to(device).float().div_(255)
    with torch.no_grad():
        reached = {"ascent": units(climbed).diagonal(), "real": answers}
        if transposed is not None:
            reached["transposed"] = units(transposed).diagonal()
    return FilterImages(
        names,
        climbed,
        transposed,
        real,
        best,
        ruled_gradients(network, units, real, DeconvnetReLU),
        ruled_gradients(network, units, real, GuidedReLU),
        reached,
        len(places),
    )


def strongest(
    name: str, network: Classifier, units: Units, split: Split, places: Tensor, batch_size: int = 250
) -> tuple[Tensor, Tensor]:
    """Each unit's strongest answer to the images at `places`, and the place of the first image that gets it: `(U,)`."""
    device = next(network.parameters()).device
    chunks = places.split(batch_size)
    with torch.inference_mode():
        answers = torch.cat(
            [
                units(split[chunk][0].to(device).float().div_(255))
                for chunk in with_progress(chunks, f"{name}: strongest answers", len(chunks))
            ]
        )
    largest = answers.max(0)
    return largest.values.clone(), places[largest.indices.cpu()]


def largest_pooled(network: PathNetwork, split: Split, places: Tensor, batch_size: int = 250) -> Tensor:
    """The largest value at each place of the second layer's pooled maps, `(F2,p,q)`."""
    device = next(network.parameters()).device
    with torch.inference_mode():
        maxima = [
            network.pooling2(network.features(split[chunk][0].to(device).float().div_(255))).amax(0)
            for chunk in places.split(batch_size)
        ]
    return torch.stack(maxima).amax(0).clone()
