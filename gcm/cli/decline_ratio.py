"""The decline-ratio table of a run: measured as its config says, written and shown."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from gcm.cli.console import BARS, say, show_table
from gcm.cli.distributed import Rank
from gcm.data import ImageData
from gcm.error import InputError, listed
from gcm.instantiate import instantiate, instantiate_all
from gcm.metric import DeclineRatio
from gcm.model import Classifier
from gcm.study.decline_ratio.figure import draw_decline_ratio
from gcm.study.decline_ratio.numbers import DeclineRatioCell, decline_ratio_cells, own_visualizers
from gcm.study.decline_ratio.table import lines_below, wide_rows, write_decline_ratio
from gcm.visualizer.base import none_fits


def measured_cells(
    config: DictConfig,
    networks: Iterable[tuple[str, Classifier]],
    data: ImageData,
    rank: Rank,
    post_hoc_on_by_design: bool = False,
) -> list[DeclineRatioCell]:
    """Return the table's cells for networks with their names, of all processes together.

    Raises `InputError` where no visualizer fits any network.
    """
    renderings = instantiate_all(config.rendering, "rendering")
    visualizers = instantiate_all(config.visualizer, "visualizer")
    new_metric = new_decline_ratio(config)
    cells: list[DeclineRatioCell] = []
    for name, network in networks:
        chosen = visualizers if post_hoc_on_by_design else own_visualizers(network, visualizers)
        cells += decline_ratio_cells(
            name,
            network,
            chosen,
            renderings,
            new_metric,
            data.test,
            data.images_at_once,
            rank=rank.number,
            processes=rank.processes,
            progress=BARS,
        )
    if not any(cell.decline for cell in cells):
        raise none_fits(visualizers)
    return cells


def new_decline_ratio(config: DictConfig) -> Callable[[], DeclineRatio]:
    """Return a function that makes an empty metric, as `metric.decline_ratio` says.

    Raises `InputError` where that was not chosen.
    """
    if "decline_ratio" not in config.metric:
        raise InputError(f"task={config.names.task} measures metric=decline_ratio; got {listed(config.metric)}")
    return partial(instantiate, config.metric.decline_ratio, key="metric.decline_ratio")


def write_decline_ratio_table(
    cells: Sequence[DeclineRatioCell], data: ImageData, directory: Path, images: int | None
) -> None:
    """Write `decline_ratio.csv`, `.md` and `.png`, and show the table."""
    which = f"the first {images:,}" if images else f"{len(data.test):,}"
    title = f"Decline ratio, {data.name}, {which} test images"
    write_decline_ratio(cells, data.name, title, directory)
    draw_decline_ratio(cells, title, directory / "decline_ratio.png")
    show_table(title, wide_rows(cells, in_full=False))
    for line in lines_below(cells):
        say(line)
