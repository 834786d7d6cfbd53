"""The faithfulness table as a figure: what is good where."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib import colormaps

from gcm.draw.base import new_figure, save
from gcm.study.faithfulness.cells import Column, FaithfulnessCell, Kind

COLOURS = colormaps["cividis"].with_extremes(bad="0.92")
"""Colours from bad, dark, to good, bright: readable in grey and by the colour-blind."""

KINDS: tuple[Kind, ...] = ("by design", "post-hoc", "control")


def draw_faithfulness(cells: Sequence[FaithfulnessCell], title: str, path: Path) -> None:
    """Draw a table of numbers on colours; in each column the worst is darkest and the best brightest."""
    measured = [cell for cell in cells if cell.measured]
    rows = sorted(dict.fromkeys(cell.row for cell in measured), key=lambda row: KINDS.index(row.kind))
    columns = list(dict.fromkeys(cell.column for cell in measured))
    goodness = np.full((len(rows), len(columns)), np.nan)
    figure = new_figure(2.6 + 1.15 * len(columns), 1.5 + 0.27 * len(rows))
    figure.suptitle(title)
    ax = figure.subplots()
    for place, column in enumerate(columns):
        of_column = [cell for cell in measured if cell.column == column]
        for cell, good in zip(of_column, goodness_of(of_column), strict=True):
            goodness[rows.index(cell.row), place] = good
            text = f"{mean_of(cell):.3f}{'*' if cell.by_construction else ''}"
            colour = "black" if good > 0.5 else "white"
            ax.text(place, rows.index(cell.row), text, ha="center", va="center", fontsize=8, color=colour)
    for row, place in np.argwhere(np.isnan(goodness)):
        ax.text(place, row, "n/a", ha="center", va="center", fontsize=8, color="0.4")
    ax.imshow(np.ma.masked_invalid(goodness), cmap=COLOURS, vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(columns)), [heading(column) for column in columns], fontsize=8)
    ax.xaxis.tick_top()
    ax.set_yticks(range(len(rows)), [f"{row.visualizer} ({row.network})" for row in rows], fontsize=8)
    ax.tick_params(length=0)
    for place, (above, below) in enumerate(pairwise(rows)):
        if above.kind != below.kind:
            ax.axhline(place + 0.5, color="black", linewidth=2)
    figure.supxlabel(
        "bright: good, dark: bad, each column by itself; *: certain by construction. From above: by design, post-hoc, "
        "controls",
        fontsize=8,
    )
    save(figure, path)


def goodness_of(cells: Sequence[FaithfulnessCell]) -> list[float]:
    """Return how good the cells of a column are: 0 for the worst mean, 1 for the best."""
    signed = [mean_of(cell) if cell.column.higher_is_better else -mean_of(cell) for cell in cells]
    worst, best = min(signed), max(signed)
    return [(value - worst) / (best - worst) if best > worst else 0.5 for value in signed]


def mean_of(cell: FaithfulnessCell) -> float:
    assert cell.measured is not None
    return cell.measured.mean


def heading(column: Column) -> str:
    return f"{column.measure.replace('_', ' ')}\n{'high' if column.higher_is_better else 'low'} is good"
