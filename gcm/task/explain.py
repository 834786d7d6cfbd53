"""`task=explain`: draw the class maps of some test images."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import Tensor

from gcm.cli.console import say, say_next
from gcm.cli.declaration import CHOSEN_IMAGES, task
from gcm.cli.device import device_of
from gcm.cli.named_networks import named_data, named_network
from gcm.cli.run_directory import run_directory
from gcm.cli.settings import Settings, settings_of
from gcm.data import Split, as_pixels, class_index
from gcm.draw import classes_to_show, draw_class_maps
from gcm.error import InputError, listed
from gcm.instantiate import instantiate
from gcm.rendering import Rendering
from gcm.visualizer import Visualizer
from gcm.zoo import SavedNetwork


@task(
    help="draw class maps of some test images: weights=RUN indices=[0,1,2]",
    reads=("weights", *CHOSEN_IMAGES, "visualizer", "rendering"),
)
def explain(config: DictConfig) -> None:
    """One figure for each visualizer that fits the network and each rendering."""
    saved = named_network(config)
    data = named_data(config, [saved], one_label=False)
    indices = chosen_images(settings_of(config), data.test.labels, data.class_names())
    visualizers = {name: instantiate(part, key=f"visualizer.{name}") for name, part in config.visualizer.items()}
    renderings = {name: instantiate(part, key=f"rendering.{name}") for name, part in config.rendering.items()}
    network = saved.network()
    fitting = {name: visualizer for name, visualizer in visualizers.items() if not visualizer.misfit(network)}
    for name, visualizer in visualizers.items():
        if name not in fitting:
            say(f"{name} left out: {visualizer.misfit(network)}")
    if not fitting:
        raise InputError(
            f"none of the visualizers {listed(visualizers)} fits {saved.card.name}; choose others with visualizer="
        )
    say(f"test images {listed(indices.tolist())}")
    with run_directory(config, saved) as directory:
        for (name, visualizer), (rendering, render) in product(fitting.items(), renderings.items()):
            path = directory / f"{name}_{rendering}.png"
            drawn = Drawn(name, visualizer, rendering, render)
            draw_explanation(saved, drawn, data.test, indices, path, device_of(config))
            say(f"figure: {path}")
    say_next("task=decline_ratio", f"weights={saved.path}")


def chosen_images(settings: Settings, labels: Tensor, classes: Sequence[str]) -> Tensor:
    """Places in the test split: `indices`; or `count` from `start` on, of class `label` or of all classes in turn."""
    if settings.indices is not None and settings.label is not None:
        raise InputError("indices= and label= both choose images; give one of them")
    if settings.indices is not None:
        wrong = [index for index in settings.indices if index >= len(labels)]
        if wrong or not settings.indices:
            raise InputError(f"indices must name test images 0 to {len(labels) - 1}, got {settings.indices}")
        return torch.tensor(settings.indices)
    if settings.start >= len(labels):
        raise InputError(f"start must be 0 to {len(labels) - 1}, got {settings.start}")
    if settings.label is None:
        candidates = classes_in_turn(labels, settings.start)
    else:
        wanted = class_index(classes, settings.label)
        candidates = [index for index in range(settings.start, len(labels)) if labels[index] == wanted]
    if len(candidates) < settings.count:
        of_class = "" if settings.label is None else f" of class {settings.label}"
        raise InputError(
            f"only {len(candidates)} test images{of_class} from start={settings.start} on, got count={settings.count}"
        )
    return torch.tensor(candidates[: settings.count])


def classes_in_turn(labels: Tensor, start: int) -> list[int]:
    """The images from `start` on, in their order, but no class comes a second time before all have come once."""
    seen: Counter[int] = Counter()
    turns = []
    for index, label in enumerate(labels[start:].tolist(), start):
        turns.append((seen[label], index))
        seen[label] += 1
    return [index for _, index in sorted(turns)]


@dataclass(frozen=True)
class Drawn:
    """What a figure shows, and how it is called."""

    visualizer_name: str
    visualizer: Visualizer
    rendering_name: str
    rendering: Rendering


def draw_explanation(
    saved: SavedNetwork, drawn: Drawn, split: Split, indices: Tensor, path: Path, device: torch.device
) -> None:
    """The pictures of every class, or of the ten that matter most, for the images at `indices`, in the layout of the
    GCM paper's figure 7.
    """
    images, labels = split[indices]
    pixels = as_pixels(images, device)
    network = saved.network().to(device)
    with torch.no_grad():
        shown = classes_to_show(network(pixels).cpu(), labels)
    explanation = drawn.visualizer(network, pixels, shown)
    pictures = drawn.rendering(explanation.maps, pixels)
    why = drawn.visualizer.by_construction(network).get(drawn.rendering_name)
    title = f"{saved.card.name}: {drawn.visualizer_name}, {drawn.rendering_name} rendering" + (
        f" ({why})" if why else ""
    )
    draw_class_maps(
        pixels.cpu(),
        pictures.cpu(),
        explanation.logits.cpu(),
        labels,
        saved.card.spec.classes,
        title=title,
        shown=shown,
        in_colours=drawn.rendering.in_colours,
        path=path,
    )
