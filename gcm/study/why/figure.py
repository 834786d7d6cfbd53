"""One picture of a decision: the strongest filter paths, where they fire, the regions its class is recognised by."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from torch import Tensor

from gcm.draw.base import new_figure, save, with_sign, write_headings
from gcm.draw.class_maps import DIVERGING, scale_of
from gcm.draw.mosaic import draw_mosaic
from gcm.study.filter_contribution.figure import show_image
from gcm.study.region_deletion.figure import IMPORTANCE


@dataclass(frozen=True)
class PathEvidence:
    """A filter path with its part in a decision.

    Attributes:
        name: `1→3`, and whether it inhibits.
        contribution: contribution to the score.
        filter1: `(k,k)`, of the first layer.
        filter2: `(k,k)`, of the second.
        favourite: `(C,H,W)`, the input that activates it most.
        pixels: `(C,H,W)`, what each pixel brings to the score through this path.
    """

    name: str
    contribution: float
    filter1: Tensor
    filter2: Tensor
    favourite: Tensor
    pixels: Tensor


@dataclass(frozen=True)
class Decision:
    """A decision is an image and what was said of it.

    Attributes:
        image: `(C,H,W)`.
        true, predicted: names of classes.
        probability: probability of the predicted class.
        paths: the strongest for the predicted class, strongest first.
        amounts: what the score is made of, name and value, in the order shown.
        importance: `(G,G)`, of the predicted class's regions.
        important: `(G,G)`, the regions that count as the important ones.
    """

    image: Tensor
    true: str
    predicted: str
    probability: float
    paths: Sequence[PathEvidence]
    amounts: Sequence[tuple[str, float]]
    importance: Tensor
    important: Tensor


def draw_why(decision: Decision, title: str, path: Path) -> None:
    figure = new_figure(9.5, 3.6 + 1.9 * len(decision.paths))
    figure.suptitle("\n".join(textwrap.wrap(title, 105)), fontsize=10)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[2.6, 1.9 * len(decision.paths)])[:, 0]
    image_axes, amounts_axes, map_axes, regions_axes = above.subplots(1, 4, width_ratios=[1, 1.3, 1, 1])
    show_image(image_axes, decision.image)
    image_axes.set_title(
        f"the image: {decision.true}\nnamed {decision.predicted} ({decision.probability:.1%})", fontsize=9
    )
    draw_amounts(amounts_axes, decision)
    shades = map_axes.imshow(decision.importance.numpy(), cmap="Greys", vmin=0)
    map_axes.set(xticks=[], yticks=[])
    map_axes.set_title(f"regions that matter for\nclass {decision.predicted} over many images", fontsize=9)
    bar = above.colorbar(shades, ax=map_axes, orientation="horizontal", fraction=0.05, pad=0.03)
    bar.ax.tick_params(labelsize=7)
    bar.set_label("\n".join(textwrap.wrap(IMPORTANCE, 36)), fontsize=7)
    show_image(regions_axes, decision.image)
    outline(regions_axes, decision)
    share = float(decision.important.double().mean())
    regions_axes.set_title(f"the most important ones\n({share:.0%} of the image)" if share else "none", fontsize=9)
    draw_paths(below.subplots(len(decision.paths), 4, squeeze=False), decision)
    save(figure, path)


def draw_amounts(ax: Axes, decision: Decision) -> None:
    """Draw bars that add up to the class's score."""
    names = [name for name, _ in decision.amounts]
    values = [value for _, value in decision.amounts]
    bars = ax.barh(range(len(values)), values, color=["tab:red" if value > 0 else "tab:blue" for value in values])
    ax.bar_label(bars, [with_sign(value, 1) for value in values], fontsize=7, padding=2)
    ax.set_yticks(range(len(names)), names, fontsize=8)
    ax.invert_yaxis()
    ax.margins(x=0.25)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_xticks([])
    ax.set_title(f"what the score of {decision.predicted} is made of:\nthe sum is {with_sign(sum(values))}", fontsize=9)


def outline(ax: Axes, decision: Decision) -> None:
    """Return edges of the important regions, on the image's own pixels."""
    mask = important_pixels(decision)
    height, width = mask.shape
    for row, column in np.argwhere(mask).tolist():
        for down, right, ends in (
            (-1, 0, (0, 0, 1, 0)),
            (1, 0, (0, 1, 1, 1)),
            (0, -1, (0, 0, 0, 1)),
            (0, 1, (1, 0, 1, 1)),
        ):
            beside = (row + down, column + right)
            inside = 0 <= beside[0] < height and 0 <= beside[1] < width and mask[beside]
            if not inside:
                x0, y0, x1, y1 = ends
                ax.plot(
                    [column + x0 - 0.5, column + x1 - 0.5],
                    [row + y0 - 0.5, row + y1 - 0.5],
                    color="gold",
                    linewidth=1.5,
                )


def important_pixels(decision: Decision) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Return 1 within the important regions, 0 elsewhere, pixel by pixel."""
    height, width = decision.image.shape[1:]
    grid = len(decision.important)
    pixels: np.ndarray[tuple[int, int], np.dtype[np.float64]] = np.kron(
        decision.important.numpy(), np.ones((height // grid, width // grid))
    )
    return pixels


def draw_paths(axes: "np.ndarray[tuple[int, int], np.dtype[np.object_]]", decision: Decision) -> None:
    headings = (
        "its two filters, each\non its own scale\n(white: 0, red: positive)",
        "the input that\nactivates it most",
        "where it fires here: pixels for (red)\nand against (blue) the class; the rest\nis the first layer's bias",
        "and in the important\nregions alone",
    )
    write_headings(axes[0], headings, fontsize=9)
    limit = max(scale_of(evidence.pixels.sum(0)) for evidence in decision.paths)
    mask = important_pixels(decision)
    for row, evidence in zip(axes, decision.paths, strict=True):
        draw_filters(row[0], evidence)
        row[0].set_ylabel(
            f"path {evidence.name}\nbrings {with_sign(evidence.contribution, 1)}",
            rotation=0,
            ha="right",
            va="center",
            fontsize=9,
        )
        show_image(row[1], evidence.favourite)
        pixels = evidence.pixels.sum(0).numpy()
        row[2].imshow(pixels, cmap=DIVERGING, vmin=-limit, vmax=limit)
        row[3].imshow(np.where(mask, pixels, np.nan), cmap=DIVERGING, vmin=-limit, vmax=limit)
        outline(row[3], decision)
        inside = float((pixels * mask).sum())
        row[3].set_xlabel(f"{with_sign(inside, 1)} of {with_sign(float(pixels.sum()), 1)}", fontsize=8)
        for ax in row[2:]:
            ax.set(xticks=[], yticks=[])
    colours = ScalarMappable(Normalize(-limit, limit), cmap=DIVERGING)
    bar = axes[0, 0].figure.colorbar(colours, ax=axes[:, 3], fraction=0.05, pad=0.03)
    bar.set_label("what a pixel brings", fontsize=8)


def draw_filters(ax: Axes, evidence: PathEvidence) -> None:
    """Draw both filters in one panel, each on its own scale, the first above the second."""
    size = max(len(evidence.filter1), len(evidence.filter2))
    canvas = np.full((1, 2, size, size), np.nan)
    for number, kernel in enumerate((evidence.filter1, evidence.filter2)):
        height, width = kernel.shape
        top, left = (size - height) // 2, (size - width) // 2
        canvas[0, number, top : top + height, left : left + width] = (kernel / float(kernel.abs().max() or 1.0)).numpy()
    draw_mosaic(ax, Tensor(canvas), 1.0, signed=True, framed={})
