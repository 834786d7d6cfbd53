"""The inputs that units like best: by activation maximization, by deconvolution, and among real images."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gcm.data import Split, as_pixels
from gcm.data.loader import pixel_batches
from gcm.model import Classifier, PathNetwork
from gcm.progress import SILENT, Progress
from gcm.study.filter_image.activation_maximization import ActivationMaximization
from gcm.study.filter_image.deconvolution import deconvolution, largest_pooled
from gcm.study.filter_image.unit import Units, channels_of, path_signs, paths_of
from gcm.visualizer.base import inspected
from gcm.visualizer.guided import DeconvnetReLU, GuidedReLU, GuidedReLUs
from gcm.visualizer.relu_check import check_no_stranger


@dataclass(frozen=True)
class FilterImages:
    """The inputs that some units like best, each way with how strongly it is activated. `U`: units.

    Attributes:
        names: names of the units.
        maximized: images by activation maximization, `(U,C,H,W)` in [0,1].
        transposed: the paper's way, likewise; None for networks without filter paths.
        real: the images that activate them most.
        places: `(U,)`, of these in their split.
        deconvnet, guided: what of the real image activates a unit by these rules, `(U,C,H,W)`, signed.
        activations: activations by the name of a way, `(U,)`.
        looked_at: number of real images.
    """

    names: list[str]
    maximized: Tensor
    transposed: Tensor | None
    real: Tensor
    places: Tensor
    deconvnet: Tensor
    guided: Tensor
    activations: dict[str, Tensor]
    looked_at: int


def filter_images_of_layer(
    network: Classifier,
    layer: str,
    maximization: ActivationMaximization,
    split: Split,
    places: Tensor,
    progress: Progress = SILENT,
) -> FilterImages:
    """Return the inputs that every channel of a layer likes best, among the real images at `places` of a split."""
    units = channels_of(network, layer)
    with torch.no_grad():
        count = units(torch.zeros(1, *network.spec.shape, device=next(network.parameters()).device)).shape[1]
    names = [f"{layer} {number + 1}" for number in range(count)]
    return filter_images(network, units, names, maximization, split, places, None, progress)


def filter_images_of_paths(
    network: PathNetwork,
    maximization: ActivationMaximization,
    split: Split,
    places: Tensor,
    progress: Progress = SILENT,
) -> FilterImages:
    """Return the inputs that every filter of the second layer and every path to it likes best."""
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
    made = deconvolution(network, largest_pooled(network, split, places))
    transposed = torch.cat([made[-1], made[:-1].flatten(0, 1)])
    return filter_images(network, units, names, maximization, split, places, transposed, progress)


def filter_images(
    network: Classifier,
    units: Units,
    names: list[str],
    maximization: ActivationMaximization,
    split: Split,
    places: Tensor,
    transposed: Tensor | None,
    progress: Progress,
) -> FilterImages:
    maximized = maximization(network, units)
    activations, best = strongest(network, units, split, places, progress=progress)
    device = maximized.device
    real = as_pixels(split[best][0], device)
    with torch.no_grad():
        reached = {"ascent": units(maximized).diagonal(), "real": activations}
        if transposed is not None:
            reached["transposed"] = units(transposed).diagonal()
    return FilterImages(
        names,
        maximized,
        transposed,
        real,
        best,
        ruled_gradients(network, units, real, DeconvnetReLU),
        ruled_gradients(network, units, real, GuidedReLU),
        reached,
        len(places),
    )


def strongest(
    network: Classifier,
    units: Units,
    split: Split,
    places: Tensor,
    batch_size: int = 250,
    progress: Progress = SILENT,
) -> tuple[Tensor, Tensor]:
    """Return each unit's strongest activation by the images at `places`, and the place of the first that gets it:
    `(U,)`.
    """
    device = next(network.parameters()).device
    batches = pixel_batches(split.subset(places), batch_size, device, "strongest activations", progress)
    with torch.inference_mode():
        activations = torch.cat([units(pixels) for pixels, _ in batches])
    largest = activations.max(0)
    return largest.values.clone(), places[largest.indices.cpu()]


def ruled_gradients(network: Classifier, units: Units, images: Tensor, rule: type[GuidedReLU]) -> Tensor:
    """Return the gradients by the guided rule or a deconvnet's.

    Raises `InputError` for activations that these do not reach.
    """
    with inspected(network, images), torch.enable_grad():
        leaf = images.clone().requires_grad_()
        with GuidedReLUs(rule) as relus:
            relus.dependence.images.append(leaf)
            activations = units(leaf).diagonal().sum()
        check_no_stranger(activations, relus, type(network).__name__, rule.method)
        (gradient,) = torch.autograd.grad(activations, leaf)
    return gradient
