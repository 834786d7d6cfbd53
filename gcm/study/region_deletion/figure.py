"""Figures show which regions a class is recognised by (filter-contribution paper, figures 5 and 6)."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from gcm.draw.base import MARKERS, new_figure, save
from gcm.draw.grid import channels_last
from gcm.study.region_deletion.numbers import RegionDeletion

IMPORTANCE = "images misclassified without the region, those of round r counted 1/r"
MOST_NUMBERED = 36
"""The most regions of a grid on which the rounds are written as numbers."""


def draw_important_regions(
    deletions: Sequence[RegionDeletion], means: Tensor, classes: Sequence[str], grid: int, title: str, path: Path
) -> None:
    """Draw a column for each class: its mean image, importance (one scale), order of deletion; below, who survives.

    `means`: `(K,C,H,W)` in [0,1], in the order of `deletions`.
    """
    columns = len(deletions)
    width = max(1.1 * columns + 1.6, 7)
    figure = new_figure(width, 7.2)
    figure.suptitle("\n".join(textwrap.wrap(title, int(11 * width))), fontsize=10)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[1.5, 1])[:, 0]
    axes = above.subplots(3, columns, squeeze=False)
    importances = [deletion.importance(grid) for deletion in deletions]
    most = max(float(importance.max()) for importance in importances) or 1.0
    rounds = max(len(deletion.order) for deletion in deletions)
    for deletion, mean, importance, column in zip(deletions, means, importances, axes.T, strict=True):
        for ax in column:
            ax.set(xticks=[], yticks=[])
        column[0].imshow(channels_last(mean), cmap="gray", vmin=0, vmax=1)
        column[0].set_title(classes[deletion.label], fontsize=9)
        shades = column[1].imshow(importance.numpy(), cmap="Greys", vmin=0, vmax=most)
        order = draw_order(column[2], deletion, grid, rounds)
    for ax, name in zip(axes[:, 0], ("mean\nimage", "impor-\ntance", "deleted\nin round"), strict=True):
        ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
    above.colorbar(shades, ax=axes[1], fraction=0.02, pad=0.01).set_label("images", fontsize=7)
    above.colorbar(order, ax=axes[2], fraction=0.02, pad=0.01).set_label("round", fontsize=7)
    draw_survival(below.subplots(), deletions, classes)
    below.supxlabel(f"importance: {IMPORTANCE}", fontsize=8)
    save(figure, path)


def draw_order(ax: Axes, deletion: RegionDeletion, grid: int, rounds: int) -> AxesImage:
    numbers = np.full(grid * grid, np.nan)
    numbers[deletion.order] = range(1, len(deletion.order) + 1)
    shown = ax.imshow(numbers.reshape(grid, grid), cmap="viridis", vmin=1, vmax=max(rounds, 2))
    if grid * grid <= MOST_NUMBERED:
        for number, region in enumerate(deletion.order, start=1):
            row, column = divmod(region, grid)
            colour = "white" if number < rounds / 2 else "black"
            ax.text(column, row, str(number), ha="center", va="center", fontsize=7, color=colour)
    return shown


def draw_survival(ax: Axes, deletions: Sequence[RegionDeletion], classes: Sequence[str]) -> None:
    """Draw the share of images that are still classified correctly after so many deletions."""
    for number, deletion in enumerate(deletions):
        left = deletion.survivors
        shares = [count / left[0] for count in left] if left[0] else []
        style = ("-", "--", "-.", ":")[number % 4]
        marker = MARKERS[number % len(MARKERS)]
        ax.plot(
            range(len(shares)), shares, style, marker=marker, markersize=4, label=classes[deletion.label], linewidth=1.2
        )
    ax.set(xlabel="regions deleted", ylabel="images still right", ylim=(0, 1.02))
    ax.set_xlim(left=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.3)
    ax.legend(fontsize=7, ncols=2, title="class", title_fontsize=7)
