"""A mosaic shows many small maps in one panel, row by row, some of them framed."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from gcm.draw.class_maps import DIVERGING

FRAMES = ({"edgecolor": "red", "linestyle": "-"}, {"edgecolor": "blue", "linestyle": (0, (3, 1.5))})
"""The lines of the first and of the second frame, told apart without colours."""


def draw_mosaic(ax: Axes, tiles: Tensor, limit: float, signed: bool, framed: Mapping[tuple[int, int], int]) -> None:
    """Draw tiles `(R,C,h,w)` on one colour scale: signed from blue (-limit) over white to red, otherwise grey from 0.

    `framed` gives the frame's number in `FRAMES` for some of the rows and columns.
    """
    rows, columns, height, width = tiles.shape
    gap = 1
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for row in range(rows):
        for column in range(columns):
            top, left = row * (height + gap), column * (width + gap)
            canvas[top : top + height, left : left + width] = tiles[row, column].numpy()
            ax.add_patch(Rectangle((left - 0.5, top - 0.5), width, height, fill=False, linewidth=0.4, edgecolor="0.6"))
    ax.imshow(canvas, cmap=DIVERGING if signed else "gray", vmin=-limit if signed else 0, vmax=limit)
    for (row, column), number in framed.items():
        corner = (column * (width + gap) - 0.5 - gap / 2, row * (height + gap) - 0.5 - gap / 2)
        ax.add_patch(
            Rectangle(corner, width + gap, height + gap, fill=False, linewidth=2, clip_on=False, **FRAMES[number])
        )
    ax.set(xticks=[], yticks=[])
    ax.set(xlim=(-2, canvas.shape[1] + 1), ylim=(canvas.shape[0] + 1, -2), facecolor="none")
    for spine in ax.spines.values():
        spine.set_visible(False)


def tile_centre(row: int, column: int, height: int, width: int) -> tuple[float, float]:
    """Return where text goes that belongs to a tile: x, y."""
    return column * (width + 1) + (width - 1) / 2, row * (height + 1) + (height - 1) / 2
