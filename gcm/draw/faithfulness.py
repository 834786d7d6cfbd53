"""The faithfulness table as a figure: what is good where."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib import colormaps

from gcm.draw.base import new_figure, save
from gcm.measure.table import Cell, Row

COLOURS = colormaps["cividis"].with_extremes(bad="0.92")
"""From bad, dark, to good, bright: readable in grey and by the colour-blind."""


def draw_faithfulness(cells: Sequence[Cell], title: str, path: Path) -> None:
    """A table of numbers on colours; in each column the worst is darkest and the best brightest."""
    found = [cell for cell in cells if cell.values is not None]
    rows = sorted(dict.fromkeys(cell.row for cell in found), key=lambda row: (row.control, not row.by_design))
    measures = list(dict.fromkeys(cell.measure for cell in found))
    goodness = np.full((len(rows), len(measures)), np.nan)
    figure = new_figure(2.6 + 1.15 * len(measures), 1.5 + 0.27 * len(rows))
    figure.suptitle(title)
    ax = figure.subplots()
    for column, measure in enumerate(measures):
        of_measure = {cell.row: cell for cell in found if cell.measure == measure}
        for row, good in zip(of_measure, goodness_of(list(of_measure.values())), strict=True):
            place = rows.index(row)
            goodness[place, column] = good
            text = f"{mean_of(of_measure[row]):.3f}{'*' if of_measure[row].by_construction else ''}"
            colour = "black" if good > 0.5 else "white"
            ax.text(column, place, text, ha="center", va="center", fontsize=8, color=colour)
    for column, place in np.argwhere(np.isnan(goodness.T)):
        ax.text(column, place, "n/a", ha="center", va="center", fontsize=8, color="0.4")
    ax.imshow(np.ma.masked_invalid(goodness), cmap=COLOURS, vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(measures)), [heading(measure, found) for measure in measures], fontsize=8)
    ax.xaxis.tick_top()
    ax.set_yticks(range(len(rows)), [f"{row.visualizer} ({row.network})" for row in rows], fontsize=8)
    ax.tick_params(length=0)
    for place, (above, below) in enumerate(pairwise(rows)):
        if kind_of(above) != kind_of(below):
            ax.axhline(place + 0.5, color="black", linewidth=2)
    figure.supxlabel(
        "bright: good, dark: bad, each column by itself; *: certain by construction. From above: by design, post-hoc, "
        "controls",
        fontsize=8,
    )
    save(figure, path)


def goodness_of(cells: Sequence[Cell]) -> list[float]:
    """Of the cells of a measure: 0 for the worst mean, 1 for the best."""
    signed = [mean_of(cell) if cell.higher_is_better else -mean_of(cell) for cell in cells]
    worst, best = min(signed), max(signed)
    return [(value - worst) / (best - worst) if best > worst else 0.5 for value in signed]


def mean_of(cell: Cell) -> float:
    assert cell.measured is not None
    return cell.measured.mean


def kind_of(row: Row) -> tuple[bool, bool]:
    return row.by_design, row.control


def heading(measure: str, cells: Sequence[Cell]) -> str:
    higher = next(cell.higher_is_better for cell in cells if cell.measure == measure)
    return f"{measure.replace('_', ' ')}\n{'high' if higher else 'low'} is good"
