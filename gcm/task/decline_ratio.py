"""`task=decline_ratio`: classify the whole test set by the pictures, for every visualizer and rendering."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from gcm.cli.console import BARS, say, say_next, show_table
from gcm.cli.declaration import task
from gcm.cli.distributed import Share, shared_work
from gcm.cli.named_networks import distinct_names, named_data, named_networks, with_first
from gcm.cli.run_directory import run_directory
from gcm.data import ImageData
from gcm.error import InputError, listed
from gcm.instantiate import instantiate
from gcm.study.decline_ratio.figure import draw_decline_ratio
from gcm.study.decline_ratio.numbers import Cell, decline_ratio_cells, own_visualizers
from gcm.study.decline_ratio.table import lines_below, wide_rows, write_decline_ratio
from gcm.types import PositiveCount
from gcm.zoo import SavedNetwork


@task(
    help="how much accuracy is lost if one classifies by the pictures: weights=[RUN,RUN]",
    reads=("weights", "visualizer", "rendering", "metric"),
    parallel=True,
)
def decline_ratio(config: DictConfig, post_hoc_on_by_design: bool = False, images: PositiveCount | None = None) -> None:
    """Evaluate the networks that `weights=` names on their whole test set, or on its first `images`.

    A network that a by-design visualizer fits is explained by that (and by the controls) alone, as in the paper;
    `post_hoc_on_by_design` lets the post-hoc methods at it too.
    """
    networks = named_networks(config)
    data = with_first(named_data(config, networks), images)
    with run_directory(config, *networks) as directory:
        with shared_work(config) as share:
            cells = decline_ratio_measured(config, networks, data, share, post_hoc_on_by_design)
        if share.rank > 0:
            return
        write_decline_ratio_table(cells, data, directory, images)
    say(f"files: {directory}")
    say_next("task=faithfulness", f"weights={networks[0].path}")


def decline_ratio_measured(
    config: DictConfig,
    networks: Sequence[SavedNetwork],
    data: ImageData,
    share: Share,
    post_hoc_on_by_design: bool = False,
) -> list[Cell]:
    """The table's cells, of all processes together."""
    renderings = {name: instantiate(part, key=f"rendering.{name}") for name, part in config.rendering.items()}
    visualizers = {name: instantiate(part, key=f"visualizer.{name}") for name, part in config.visualizer.items()}
    new_metric = partial(instantiate, config.metric, key="metric")
    cells: list[Cell] = []
    for name, saved in zip(distinct_names(networks), networks, strict=True):
        network = saved.network().to(share.device)
        chosen = visualizers if post_hoc_on_by_design else own_visualizers(network, visualizers)
        cells += decline_ratio_cells(
            name,
            network,
            chosen,
            renderings,
            new_metric,
            data.test,
            data.images_at_once,
            rank=share.rank,
            processes=share.processes,
            progress=BARS,
        )
    if not any(cell.decline for cell in cells):
        raise InputError(f"none of the visualizers {listed(visualizers)} fits; choose others with visualizer=")
    return cells


def write_decline_ratio_table(cells: Sequence[Cell], data: ImageData, directory: Path, images: int | None) -> None:
    """`decline_ratio.csv`, `.md` and `.png`; the table is shown too."""
    which = f"the first {images:,}" if images else f"{len(data.test):,}"
    title = f"Decline ratio, {data.name}, {which} test images"
    write_decline_ratio(cells, data.name, title, directory)
    draw_decline_ratio(cells, title, directory / "decline_ratio.png")
    show_table(title, wide_rows(cells, in_full=False))
    for line in lines_below(cells):
        say(line)
