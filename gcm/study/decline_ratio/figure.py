"""The decline-ratio table as a figure."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from gcm.draw.base import new_figure, save
from gcm.study.decline_ratio.numbers import DeclineRatioCell


def draw_decline_ratio(cells: Sequence[DeclineRatioCell], title: str, path: Path) -> None:
    """Draw a panel for each rendering; a dot and its 95 % interval for each network and visualizer."""
    measured = [cell for cell in cells if cell.decline]
    rows = list(dict.fromkeys((cell.network, cell.visualizer) for cell in measured))
    renderings = list(dict.fromkeys(cell.rendering for cell in measured))
    figure = new_figure(2.1 + 2.4 * len(renderings), 1.6 + 0.3 * len(rows))
    figure.suptitle(title)
    axes = figure.subplots(1, len(renderings), sharey=True, sharex=True, squeeze=False)[0]
    for ax, rendering in zip(axes, renderings, strict=True):
        draw_decline_panel(ax, [cell for cell in measured if cell.rendering == rendering], rows)
        ax.set_title(rendering)
    axes[0].set_yticks(range(len(rows)), [f"{visualizer} ({network})" for network, visualizer in rows], fontsize=8)
    axes[0].invert_yaxis()
    figure.supxlabel(
        "decline ratio: share of the accuracy lost if one classifies by the pictures; 95 % interval; hollow: built in",
        fontsize=8,
    )
    save(figure, path)


def draw_decline_panel(ax: Axes, cells: Sequence[DeclineRatioCell], rows: Sequence[tuple[str, str]]) -> None:
    ax.axvline(0, color="0.6", linewidth=0.8)
    ax.grid(axis="x", alpha=0.3)
    for cell in cells:
        assert cell.decline is not None
        place = rows.index((cell.network, cell.visualizer))
        ax.plot([cell.decline.low, cell.decline.high], [place, place], color="tab:blue", linewidth=2)
        face = "white" if cell.by_construction else "tab:blue"
        ax.plot(cell.decline.ratio, place, "o", color="tab:blue", markerfacecolor=face)
