"""Grids show pictures of one class in rows and named columns."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from torch import Tensor

from gcm.draw.base import new_figure, save
from gcm.draw.class_maps import DIVERGING, scale_of

STRONGEST = "full colour: the map's own strongest values (99.8 % of its pixels are weaker)"


@dataclass(frozen=True)
class Panel:
    """A panel is one picture of a grid, and how it is coloured.

    Attributes:
        picture: `(c,h,w)`.
        signed: whether it is a map around zero, drawn from blue (against) over white to red (for), or, with three
            channels, around middle grey, on its own symmetric scale. Otherwise colours in [0,1].
        note: a line below it.

    >>> import torch
    >>> from gcm.draw import Panel
    >>> Panel(torch.zeros(1, 8, 8), note="an image").signed
    False
    """

    picture: Tensor
    signed: bool = False
    note: str = ""


def draw_grid(
    rows: Sequence[Sequence[Panel | None]],
    row_names: Sequence[str],
    column_names: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """Draw a row for each image or class and a column for each way to look at it; None leaves a place empty.

    Raises `InputError` where the file `path` cannot be written.

    >>> import tempfile
    >>> from pathlib import Path
    >>> import torch
    >>> from gcm.draw import Panel, draw_grid
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     draw_grid([[Panel(torch.rand(1, 8, 8))]], ["cat"], ["image"], "A cat", Path(directory, "cat.png"))
    ...     [path.name for path in Path(directory).iterdir()]
    ['cat.png']
    """
    columns = len(column_names)
    width = 1.05 * columns + 1.4
    notes = any(panel and panel.note for panels in rows for panel in panels)
    figure = new_figure(width, (1.27 if notes else 1.12) * len(rows) + 1.1)
    figure.suptitle("\n".join(textwrap.wrap(title, int(12 * width))), fontsize=10)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for row_axes, panels, row_name in zip(axes, rows, row_names, strict=True):
        for ax, panel in zip(row_axes, [*panels, *[None] * (columns - len(panels))], strict=True):
            ax.set(xticks=[], yticks=[])
            if panel:
                draw_panel(ax, panel)
            else:
                ax.set_frame_on(False)
        row_axes[0].set_ylabel(row_name, fontsize=8, rotation=0, ha="right", va="center")
    for ax, name in zip(axes[0], column_names, strict=True):
        ax.set_title("\n".join(textwrap.wrap(name, 14)), fontsize=8)
    channels = {len(panel.picture) for panels in rows for panel in panels if panel and panel.signed}
    if 1 in channels:
        colours = ScalarMappable(Normalize(-1, 1), cmap=DIVERGING)
        bar = figure.colorbar(colours, ax=axes, orientation="horizontal", fraction=0.02, pad=0.01, aspect=60)
        bar.set_ticks([-1, 0, 1], labels=["negative", "0", "positive"], fontsize=8)
        bar.set_label(STRONGEST, fontsize=8)
    if channels - {1}:
        explained = f"Maps with a value for each colour: middle grey: 0; {STRONGEST}"
        figure.supxlabel("\n".join(textwrap.wrap(explained, int(15 * width))), fontsize=8)
    save(figure, path)


def draw_panel(ax: Axes, panel: Panel) -> None:
    ax.set_xlabel(panel.note, fontsize=7)
    if not panel.signed:
        ax.imshow(channels_last(panel.picture.clamp(0, 1)), cmap="gray", vmin=0, vmax=1)
    elif len(panel.picture) == 1:
        limit = scale_of(panel.picture)
        ax.imshow(panel.picture[0].numpy(), cmap=DIVERGING, vmin=-limit, vmax=limit)
    else:
        ax.imshow(channels_last((0.5 + 0.5 * panel.picture / scale_of(panel.picture)).clamp(0, 1)))


def channels_last(picture: Tensor) -> Any:
    """Turn `(c,h,w)` into what matplotlib shows: `(h,w,3)`, or `(h,w)` in grey."""
    return picture.permute(1, 2, 0).squeeze(2).numpy()
