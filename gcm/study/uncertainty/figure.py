"""Figures show what networks are unsure of: probabilities over stochastic passes, calibration, and unlike images."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gcm.draw.base import MARKERS, new_figure, save
from gcm.study.uncertainty.findings import Calibrated, Detected

WIDTH_OF_POINTS = 0.5
"""The width over which the points of a class, or of a line, are spread, in its own width, so that none hides
another.
"""


@dataclass(frozen=True)
class Spread:
    """The probabilities of one image over passes.

    Attributes:
        image: `(C,H,W)`, in [0,1].
        label: its class's name.
        probabilities: probability of each class in each pass, `(T,K)`.
    """

    image: Tensor
    label: str
    probabilities: Tensor


def draw_spreads(spreads: Sequence[Spread], classes: Sequence[str], title: str, path: Path) -> None:
    """Draw a row for each image: the image, and beside it the probability of every class in every pass."""
    figure = new_figure(8, 1.55 * len(spreads) + 1)
    figure.suptitle("\n".join(textwrap.wrap(title, 90)), fontsize=10)
    axes = figure.subplots(len(spreads), 2, squeeze=False, width_ratios=(1, 5))
    places = torch.arange(len(classes))
    for (left, right), spread in zip(axes, spreads, strict=True):
        left.imshow(spread.image.permute(1, 2, 0).squeeze(2).numpy(), cmap="gray", vmin=0, vmax=1)
        left.set(xticks=[], yticks=[])
        left.set_ylabel(f"label: {spread.label}", fontsize=8)
        passes = len(spread.probabilities)
        aside = torch.linspace(-WIDTH_OF_POINTS / 2, WIDTH_OF_POINTS / 2, passes).unsqueeze(1)
        right.plot((places + aside).flatten(), spread.probabilities.flatten(), ".", color="0.45", markersize=3)
        mean = spread.probabilities.mean(0)
        right.plot(places, mean, "_", color="black", markersize=18, markeredgewidth=2)
        right.set_ylim(-0.05, 1.05)
        right.set_ylabel("probability", fontsize=8)
        right.set_xticks(range(len(classes)), classes, fontsize=8)
        right.grid(alpha=0.3, axis="y")
    axes[-1, 1].set_xlabel("class; a point: one pass, a bar: their mean", fontsize=8)
    save(figure, path)


def draw_reliability(calibrated: Sequence[Calibrated], title: str, path: Path) -> None:
    """Draw how often networks are right when they are so sure, a panel for each kind of images."""
    kinds = list(dict.fromkeys(each.images for each in calibrated))
    figure = new_figure(4.6 * len(kinds), 4.8)
    figure.suptitle(title)
    for ax, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
        ax.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, label="as right as it is sure")
        for each, marker in zip([each for each in calibrated if each.images == kind], cycle(MARKERS), strict=False):
            found = each.found
            filled = found.counts > 0
            name = f"{each.predictive.name}, {each.predictive.how}: {found.error.mean:.4f}"
            ax.plot(found.confidences[filled], found.accuracies[filled], marker=marker, markersize=4, label=name)
        ax.set(
            title=kind,
            xlabel="largest probability, mean of a bin",
            ylabel="share that is right",
            xlim=(0, 1),
            ylim=(0, 1),
        )
        ax.grid(alpha=0.3)
        ax.legend(fontsize=7, title="expected calibration error", title_fontsize=7)
    save(figure, path)


def draw_detection(detected: Sequence[Detected], title: str, path: Path) -> None:
    """Draw a panel for each kind of strange images, a line for each way of asking, a mark for each score's AUROC."""
    kinds = list(dict.fromkeys(each.unlike for each in detected))
    ways = list(dict.fromkeys(way_of(each) for each in detected))
    scores = list(dict.fromkeys(each.score for each in detected))
    figure = new_figure(8, len(kinds) * (0.22 * len(ways) + 0.5) + 1.2)
    figure.suptitle(title)
    panels = figure.subplots(len(kinds), 1, squeeze=False, sharex=True)[:, 0]
    for ax, kind in zip(panels, kinds, strict=True):
        for number, (score, marker) in enumerate(zip(scores, cycle(MARKERS), strict=False)):
            aside = WIDTH_OF_POINTS * ((number + 0.5) / len(scores) - 0.5)
            rows = [each for each in detected if (each.unlike, each.score) == (kind, score)]
            means = np.array([each.found.auroc.mean for each in rows])
            below = means - [each.found.auroc.low for each in rows]
            above = np.array([each.found.auroc.high for each in rows]) - means
            reach = np.clip([below, above], 0, None)
            lines = [ways.index(way_of(each)) + aside for each in rows]
            ax.errorbar(means, lines, xerr=reach, fmt=marker, markersize=5, fillstyle="none", label=score)
        ax.set_title(kind, fontsize=9, loc="left")
        ax.set_yticks(range(len(ways)), ways, fontsize=8)
        ax.set_ylim(len(ways) - 0.5, -0.5)
        ax.grid(alpha=0.3)
    panels[-1].set_xlabel(
        "AUROC, 95 % interval; 0.5: chance, 1: every strange image scores higher than every test image"
    )
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(scores), fontsize=8)
    save(figure, path)


def way_of(each: Detected) -> str:
    return f"{each.predictive.name}, {each.predictive.how}"
