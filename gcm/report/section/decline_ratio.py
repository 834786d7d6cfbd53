"""The decline-ratio table (GCM paper, table 8)."""

from collections.abc import Sequence
from functools import partial

from gcm.atomic_write import make_directory, markdown_table
from gcm.report.evidence import Evidence, Lack
from gcm.report.section.base import Section, figure, missing_section
from gcm.study.decline_ratio.figure import draw_decline_ratio
from gcm.study.decline_ratio.numbers import DeclineRatioCell, decline_ratio_cells, own_visualizers
from gcm.study.decline_ratio.table import decline_ratio_text, wide_rows, write_decline_ratio

NAMES = {"svhn": "SVHN", "cifar10": "CIFAR-10", "mnist": "MNIST", "digits": "the embedded digits"}

POST_HOC = ("guided_backprop", "guided_grad_cam", "cam", "grad_cam", "grad_cam_rectified")
CONTROLS = ("uniform", "random")


def decline_ratio_on(data: str, models: Sequence[str], evidence: Evidence) -> Section:
    """Measure GCM's own maps on GCM, post-hoc methods on the CNN, controls on both."""
    title = f"Decline ratio on {NAMES[data]}"
    networks = [f"{model}_{data}" for model in models]
    lacks = [lack for name in networks if (lack := evidence.lacks(name))]
    present = [name for name in networks if not evidence.lacks(name)]
    if not present:
        return missing_section(title, *lacks)
    cells = [cell for name in present for cell in cells_on(name, evidence) if cell.decline]
    if not cells:
        return missing_section(title, *lacks, Lack("", "none of the chosen visualizers fits"))
    count = len(evidence.test_split(present[0]))
    heading = f"{title}, {count:,} test images"
    directory = evidence.directory / f"decline_ratio_{data}"
    make_directory(directory)
    write_decline_ratio(cells, data, heading, directory)
    path = evidence.directory / f"decline_ratio_{data}.png"
    draw_decline_ratio(cells, heading, path)
    command = f"task=decline_ratio weights={evidence.weights(*present)} visualizer=[{','.join(evidence.visualizers)}]"
    body = f"The whole test set, n = {count:,}. {decline_ratio_text(cells)}\n{figure(path, heading, command)}"
    return Section(
        title,
        body,
        tuple((title, lack) for lack in lacks),
        key=f"decline_ratio_{data}",
        summary=markdown_table(wide_rows(cells, in_full=False)),
        headline=markdown_table(wide_rows(headline_cells(cells, data), in_full=False)),
    )


def cells_on(name: str, evidence: Evidence) -> list[DeclineRatioCell]:
    """Measure decline ratios of a network on the whole test set, by every visualizer that is its own and every
    rendering.
    """
    network = evidence.network(name)
    return evidence.once(
        ("decline ratio", name),
        lambda: decline_ratio_cells(
            name,
            network,
            own_visualizers(network, evidence.visualizers),
            evidence.renderings,
            evidence.new_metric,
            evidence.test_split(name),
            batch_size=128,
            progress=evidence.progress,
        ),
    )


def headline_cells(cells: Sequence[DeclineRatioCell], data: str) -> list[DeclineRatioCell]:
    """Return the cells of GCM by its own maps, of the CNN by the paper's post-hoc methods and by the controls."""
    shown = {f"gcm_{data}": ("gcm",), f"cnn_{data}": (*POST_HOC, *CONTROLS)}
    return [cell for cell in cells if cell.visualizer in shown.get(cell.network, ())]


SECTIONS = {
    20: partial(decline_ratio_on, "cifar10", ("gcm", "gcm_clipped", "cnn")),
    21: partial(decline_ratio_on, "svhn", ("gcm",)),
    22: partial(decline_ratio_on, "mnist", ("gcm", "cnn")),
    23: partial(decline_ratio_on, "digits", ("gcm", "cnn")),
}
