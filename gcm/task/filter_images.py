"""`task=filter_images`: the inputs that filters, paths or the channels of a layer like best."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from gcm.atomic_write import write_csv
from gcm.cli.chosen import IMAGES_OF, SplitName, split_of
from gcm.cli.console import BARS, say, say_next
from gcm.cli.declaration import task
from gcm.cli.device import device_of
from gcm.cli.named_networks import named_data, named_network
from gcm.cli.run_directory import run_directory
from gcm.draw import Panel, draw_grid, rounded
from gcm.error import InputError, listed
from gcm.model import Classifier, PathNetwork
from gcm.study.filter_image.activation_maximization import ActivationMaximization
from gcm.study.filter_image.numbers import FilterImages, filter_images_of_layer, filter_images_of_paths
from gcm.study.filter_image.unit import layers_called
from gcm.study.selection import first_of_each_class
from gcm.types import Count, PositiveCount, PositiveNumber, Share

ROWS_ON_A_PAGE = 16
WAYS = {
    "transposed": "back by transposed convolutions",
    "ascent": "activation maximization",
    "real": "real image that activates it most",
    "deconvnet": "of it: deconvnet",
    "guided": "of it: guided backprop",
}
FILTERS = ("its first filter", "its second filter")
"""The kinds of filters of a path, shown last."""


@task(
    help="the inputs that filters, paths or a layer's channels like best: weights=RUN task.layer=LAYER",
    reads=("weights",),
)
def filter_images(
    config: DictConfig,
    layer: str | None = None,
    split: SplitName = "train",
    images_per_class: PositiveCount | None = None,
    steps: PositiveCount = 200,
    step_size: PositiveNumber = 0.1,
    decay: Share = 0.02,
    blur_every: Count = 4,
    blur: PositiveNumber = 0.5,
) -> None:
    """Draw favourite inputs: of a path network for the filters of the second layer and all paths; of others for a
    `layer`.
    """
    saved = named_network(config)
    data = named_data(config, [saved])
    network = saved.network().to(device_of(config))
    name = saved.card.name
    if layer is None and not isinstance(network, PathNetwork):
        layers = listed(layers_called(network))
        raise InputError(f"{name} has no filter paths; choose a layer with task.layer=, one of {layers}")
    maximization = ActivationMaximization(
        steps=steps, step_size=step_size, decay=decay, blur_every=blur_every, blur=blur, seed=config.seed
    )
    images = split_of(data, split)
    places = first_of_each_class(images.labels, network.spec.classes, images_per_class).flatten()
    with run_directory(config, saved) as directory:
        if isinstance(network, PathNetwork) and layer is None:
            found = filter_images_of_paths(network, maximization, images, places, BARS.of(name))
        else:
            found = filter_images_of_layer(network, str(layer), maximization, images, places, BARS.of(name))
        write_csv(directory / "filter_images.csv", activation_rows(found))
        for path in draw_filter_images(found, network, f"{name}: what activates each unit most", directory):
            say(f"figure: {path}")
    say(f"strongest activations by real images among {found.looked_at:,} {IMAGES_OF[split]}; files: {directory}")
    say_next("task=explain", f"weights={saved.path}")


def activation_rows(found: FilterImages) -> list[dict[str, Any]]:
    return [
        {
            "unit": " ".join(unit.split()),
            **{f"activation_{way}": float(activations[number]) for way, activations in found.activations.items()},
            "real_image": int(found.places[number]),
        }
        for number, unit in enumerate(found.names)
    ]


def draw_filter_images(found: FilterImages, network: Classifier, title: str, directory: Path) -> list[Path]:
    """Draw the pictures of all ways beside each other, in pages; below each the activation it causes."""
    explained = (
        f"{title}; below a picture: the mean over the unit's map, and that as a share of the strongest activation by "
        f"{found.looked_at:,} real images"
    )
    rows = [unit_row(found, network, number) for number in range(len(found.names))]
    ways = [text for way, text in WAYS.items() if way != "transposed" or found.transposed is not None]
    pages = []
    for number, start in enumerate(range(0, len(rows), ROWS_ON_A_PAGE), start=1):
        path = directory / f"filter_images_{number}.png"
        page = slice(start, start + ROWS_ON_A_PAGE)
        longest = max(map(len, rows[page]))
        draw_grid(rows[page], found.names[page], [*ways, *FILTERS][:longest], explained, path)
        pages.append(path)
    return pages


def unit_row(found: FilterImages, network: Classifier, number: int) -> list[Panel | None]:
    pictures = {"transposed": found.transposed, "ascent": found.maximized, "real": found.real}
    panels: list[Panel | None] = []
    for way, picture in pictures.items():
        if picture is not None:
            activation, best = float(found.activations[way][number]), float(found.activations["real"][number])
            share = f" ({activation / best:.0%})" if way != "real" and best > 0 else ""
            place = f", no. {int(found.places[number])}" if way == "real" else ""
            panels.append(Panel(picture[number].cpu(), note=f"{rounded(activation)}{share}{place}"))
    panels += [Panel(signed[number].cpu(), signed=True) for signed in (found.deconvnet, found.guided)]
    if isinstance(network, PathNetwork) and found.transposed is not None:
        panels += filters_of_path(network, number - network.filters[1])
    return panels


def filters_of_path(network: PathNetwork, path: int) -> list[Panel]:
    """Return the two filters of a path; none for the units before the paths, which are the second layer's filters."""
    if path < 0:
        return []
    i, j = divmod(path, network.filters[1])
    kernels = (network.convolution1.weight[i].mean(0), network.convolution2.weight[j, i])
    return [Panel(kernel.detach().cpu().unsqueeze(0), signed=True) for kernel in kernels]
