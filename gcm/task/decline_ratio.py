"""`task=decline_ratio`: classify the whole test set by the pictures, for every visualizer and rendering."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from gcm.build import build
from gcm.data import ImageData, Split
from gcm.data.loader import OrderedBatches, loader
from gcm.draw import draw_decline_ratio
from gcm.error import InputError, listed
from gcm.metric import DeclineRatio
from gcm.model import Classifier
from gcm.rendering import Rendering
from gcm.report.console import say, with_progress
from gcm.report.decline_ratio import Cell, show_decline_ratio, write_decline_ratio
from gcm.task.run_directory import run_directory
from gcm.task.settings import refuse
from gcm.task.weights import device_of, distinct_names, named_data, named_networks
from gcm.visualizer import Visualizer, explain_with
from gcm.zoo import SavedNetwork


def decline_ratio(config: DictConfig, post_hoc_on_by_design: bool = False) -> None:
    """Evaluate the networks that `weights=` names on their whole test set.

    A network that a by-design visualizer fits is explained by that (and by the controls) alone, as in the paper;
    `post_hoc_on_by_design` lets the post-hoc methods at it too.
    """
    refuse(config, "resume")
    networks = named_networks(config)
    data = named_data(config, networks)
    with run_directory(config) as directory:
        decline_ratio_table(config, networks, data, directory, post_hoc_on_by_design)
    say(f"files: {directory}")


def decline_ratio_table(
    config: DictConfig, networks: Sequence[SavedNetwork], data: ImageData, directory: Path, post_hoc_on_by_design: bool
) -> list[Cell]:
    """Measure, then write `decline_ratio.csv`, `.md` and `.png` into `directory`, and show the table."""
    renderings = {name: build(part, key=f"rendering.{name}") for name, part in config.rendering.items()}
    visualizers = {name: build(part, key=f"visualizer.{name}") for name, part in config.visualizer.items()}
    cells: list[Cell] = []
    for name, saved in zip(distinct_names(networks), networks, strict=True):
        network = saved.network().to(device_of(config))
        chosen = visualizers if post_hoc_on_by_design else own_visualizers(network, visualizers)
        cells += measured(name, network, chosen, renderings, config.metric, data.test, config.data.batch_size)
    if not any(cell.decline for cell in cells):
        raise InputError(f"none of the visualizers {listed(visualizers)} fits; choose others with visualizer=")
    title = f"Decline ratio, {data.name}, {len(data.test):,} test images"
    write_decline_ratio(cells, data.name, title, directory)
    draw_decline_ratio(cells, title, directory / "decline_ratio.png")
    show_decline_ratio(cells, title)
    return cells


def own_visualizers(network: Classifier, visualizers: Mapping[str, Visualizer]) -> dict[str, Visualizer]:
    """Of a network that explains itself the by-design visualizers and the controls, of others all."""
    explains_itself = any(
        visualizer.by_design and not visualizer.misfit(network) for visualizer in visualizers.values()
    )
    return {
        name: visualizer
        for name, visualizer in visualizers.items()
        if visualizer.control or visualizer.by_design == explains_itself
    }


def measured(
    name: str,
    network: Classifier,
    visualizers: Mapping[str, Visualizer],
    renderings: Mapping[str, Rendering],
    metric: Mapping[str, Any],
    split: Split,
    batch_size: int,
) -> list[Cell]:
    """One pass over the images for all cells of a network; memory does not grow with their number."""
    device = next(network.parameters()).device
    fitting = {key: visualizer for key, visualizer in visualizers.items() if not visualizer.misfit(network)}
    metrics = {
        (visualizer, rendering): build(metric, key="metric").to(device)
        for visualizer in fitting
        for rendering in renderings
    }
    batches = OrderedBatches(len(split), batch_size)
    for images, labels in with_progress(loader(split, batches), f"{name}: {len(fitting)} visualizers", len(batches)):
        pixels = images.to(device).float().div_(255)
        for key, explanation in explain_with(fitting, network, pixels).items():
            for rendering, render in renderings.items():
                pictures = render(explanation.maps, pixels)
                metrics[key, rendering].update(pictures, explanation.logits, labels.to(device))
    return [
        cell_of(name, network, key, visualizer, rendering, metrics.get((key, rendering)))
        for key, visualizer in visualizers.items()
        for rendering in renderings
    ]


def cell_of(
    name: str, network: Classifier, key: str, visualizer: Visualizer, rendering: str, metric: DeclineRatio | None
) -> Cell:
    if metric is None:
        return Cell(name, key, rendering, None, visualizer.misfit(network))
    return Cell(name, key, rendering, metric.compute(), visualizer.by_construction(network).get(rendering, ""))
