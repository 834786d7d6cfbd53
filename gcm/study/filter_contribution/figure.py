"""Figures show filters, what they see, and what their paths contribute (filter-contribution paper, figures 2, 3
and 4).
"""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import SubFigure
from torch import Tensor

from gcm.draw.base import new_figure, rounded, save, with_sign, write_headings
from gcm.draw.class_maps import DIVERGING, scale_of, shown_classes
from gcm.draw.grid import channels_last
from gcm.draw.mosaic import draw_mosaic, tile_centre
from gcm.study.filter_contribution.numbers import FilterResponses

MOST_CLASSES = 10
MOST_NUMBERS = 24
"""The most paths that have their numbers written on them, and are drawn larger."""


def draw_leading_filters(
    responses: FilterResponses,
    classes: Sequence[str],
    shares: Sequence[Tensor],
    leading: Sequence[Sequence[tuple[int, int]]],
    title: str,
    path: Path,
) -> None:
    """Draw a row for each class: its example image, the filters, its maps, and how often each path is first and second.

    The `k`-th image of `responses` is the example of class `k`, and its small maps are of that class alone. `shares`:
    of being first and second, both `(K,F1,F2)`; `leading`: for each class the paths to frame, red and blue. Of more
    than ten classes the first ten are shown.
    """
    classes = classes[:MOST_CLASSES]
    first, second = responses.filters2.shape[:2]
    widths = [first, 1, 1.2, second, second, max(second, 4)]
    tile = 0.4 if first * second <= MOST_NUMBERS else 0.25  # inches
    figure = new_figure(tile * (sum(widths) + 5), tile * 1.15 * first * len(classes) + 2.2)
    title += "; red: the path most often first; blue, dashed: of the others the one most often second"
    figure.suptitle("\n".join(textwrap.wrap(title, int(10 * figure.get_figwidth()))), fontsize=10)
    axes = figure.subplots(len(classes), len(widths), width_ratios=widths, squeeze=False)
    limits = [scale_of(values) for values in (responses.filters1, responses.filters2, responses.small_maps)]
    brightest = float(responses.maps1.max()) or 1.0
    for label, name in enumerate(classes):
        framed = {(i, j): number for number, (i, j) in enumerate(leading[label])}
        of_first = {(i, 0): number for (i, _), number in reversed(framed.items())}
        row = axes[label]
        show_image(row[0], responses.images[label])
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
        draw_mosaic(row[1], responses.filters1.unsqueeze(1), limits[0], signed=True, framed=of_first)
        draw_mosaic(row[2], responses.maps1[label].unsqueeze(1), brightest, signed=False, framed=of_first)
        draw_mosaic(row[3], responses.filters2, limits[1], signed=True, framed=framed)
        draw_mosaic(row[4], responses.small_maps[label, 0], limits[2], signed=True, framed=framed)
        draw_shares(row[5], shares[0][label], shares[1][label], framed)
    headings = (
        "image",
        "filters\n1",
        "maps\n1",
        "filters 2\n(row: from, column: to)",
        "contributions to\nthe class's score",
        "how often\nfirst / second, %",
    )
    write_headings(axes[0], headings, fontsize=8)
    for place, limit, what in ((3, limits[1], "weight"), (4, limits[2], "contribution")):
        add_bar(axes[-1, place], limit, what)
    save(figure, path)


def draw_paths_of_image(
    responses: FilterResponses,
    rest: Tensor,
    logits: Tensor,
    label: int,
    classes: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """Draw one image's way through the network, and the contribution of each path to each class.

    `responses` holds one image; `rest`, `logits`: `(K)`. In every class the strongest path is framed red, the second
    blue.
    """
    first, second = responses.filters2.shape[:2]
    shown = shown_classes(logits, label, min(len(classes), MOST_CLASSES))
    in_a_row, tile = (5, 0.52) if first * second <= MOST_NUMBERS else (2, 0.3)  # tile: inches
    in_a_row = min(in_a_row, len(shown))
    rows = -(-len(shown) // in_a_row)
    size = max(first, second) * tile
    figure = new_figure(in_a_row * (size + 0.35) + 0.5, (rows + 1) * (first / max(first, second) * size + 0.6) + 1.2)
    title += "; red: most; blue, dashed: second; bold, framed: the true class; ◀: the predicted one"
    figure.suptitle("\n".join(textwrap.wrap(title, int(11 * figure.get_figwidth()))), fontsize=10)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[1, rows], hspace=0.05)[:, 0]
    draw_way_through(above, responses, f"image, true: {classes[label]}")
    panels = below.subplots(rows, in_a_row, squeeze=False)
    limit = scale_of(responses.small_maps)
    for ax in panels.flat[len(shown) :]:
        ax.set_axis_off()
    for ax, index in zip(panels.flat, shown, strict=False):
        draw_path_sums(ax, responses.small_maps[0, index], limit)
        sums = f"paths {with_sign(float(responses.small_maps[0, index].sum()))}, biases {with_sign(float(rest[index]))}"
        mark = " ◀" if index == int(logits.argmax()) else ""
        ax.set_title(f"{classes[index]}: {with_sign(float(logits[index]))}{mark}\n{sums}", fontsize=8)
        if index == label:
            ax.title.set_fontweight("bold")
            for spine in ax.spines.values():
                spine.set(visible=True, linewidth=2)
    add_bar(panels[-1], limit, "contribution to the class's score, place by place")
    save(figure, path)


def draw_way_through(figure: SubFigure, responses: FilterResponses, heading: str) -> None:
    """Draw the image, the first filters, what they make of it, and the second filters."""
    first, second = responses.filters2.shape[:2]
    axes = figure.subplots(1, 4, width_ratios=[first, 1.2, 1.6, second])
    show_image(axes[0], responses.images[0])
    draw_mosaic(axes[1], responses.filters1.unsqueeze(1), scale_of(responses.filters1), signed=True, framed={})
    draw_mosaic(axes[2], responses.maps1[0].unsqueeze(1), float(responses.maps1.max()) or 1.0, signed=False, framed={})
    draw_mosaic(axes[3], responses.filters2, scale_of(responses.filters2), signed=True, framed={})
    headings = (heading, "filters 1", "their maps", "filters 2, row: from which map 1,\ncolumn: to which map 2")
    write_headings(axes, headings, fontsize=8)


def draw_path_sums(ax: Axes, small: Tensor, limit: float) -> None:
    """Draw a class's contributions place by place, `(F1,F2,p,q)`, with their sums, the two largest framed."""
    first, second = small.shape[:2]
    sums = small.sum((2, 3))
    largest = sums.flatten().argsort(descending=True, stable=True)[:2].tolist()
    framed = {divmod(place, second): rank for rank, place in enumerate(largest)}
    draw_mosaic(ax, small, limit, signed=True, framed=framed)
    if first * second <= MOST_NUMBERS:
        for i in range(first):
            for j in range(second):
                centre = tile_centre(i, j, *small.shape[2:])
                ax.text(*centre, with_sign(float(sums[i, j]), 1), ha="center", va="center", fontsize=8)


def show_image(ax: Axes, image: Tensor) -> None:
    ax.imshow(channels_last(image), cmap="gray", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])


def draw_shares(ax: Axes, first: Tensor, second: Tensor, framed: Mapping[tuple[int, int], int]) -> None:
    draw_mosaic(ax, first[:, :, None, None].expand(-1, -1, 4, 4), 1.0, signed=False, framed=framed)
    ax.images[0].set(cmap="Greys", clim=(0, 1))
    numbers = first.numel() <= MOST_NUMBERS
    for i, j in [divmod(place, first.shape[1]) for place in range(first.numel())]:
        if numbers or (i, j) in framed:
            colour = "white" if first[i, j] > 0.5 else "black"
            text = f"{100 * first[i, j]:.0f}/{100 * second[i, j]:.0f}"
            ax.text(*tile_centre(i, j, 4, 4), text, ha="center", va="center", fontsize=6, color=colour)


def add_bar(axes: "Axes | Sequence[Axes]", limit: float, what: str) -> None:
    """Add a scale with zero in the middle below the panels."""
    place = axes if isinstance(axes, Axes) else axes[0]
    colours = ScalarMappable(Normalize(-limit, limit), cmap=DIVERGING)
    bar = place.figure.colorbar(colours, ax=axes, orientation="horizontal", fraction=0.06, pad=0.03, aspect=30)
    bar.set_label(what, fontsize=7)
    ticks = [-limit, 0, limit]
    bar.set_ticks(ticks, labels=[rounded(tick, 2) for tick in ticks], fontsize=7)
