"""Accuracy against size, over the groups of a sweep."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from gcm.draw.base import new_figure, save

ACCURACIES = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999)
"""The accuracies where the axis may have marks."""


def draw_accuracy_and_size(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], claimed: float | None, title: str, path: Path
) -> None:
    """Draw a cross for each run and a bar at the mean of each group, by its name; a line at the accuracy a paper
    claims.

    The axis is logarithmic in the error, so that 98 and 99 % lie as far apart as 80 and 90.
    """
    figure = new_figure(7, 4.5)
    ax = figure.subplots()
    ax.set(xscale="log", yscale="log", xlabel="parameters", ylabel="test accuracy")
    errors = {name: [error_of(run) for run in members] for name, members in runs.items()}
    sizes = {name: int(members[0]["parameters"]) for name, members in runs.items()}
    shown = [error for values in errors.values() for error in values] + ([] if claimed is None else [1 - claimed])
    worst, best = max(shown), min(shown)
    ax.set_ylim(min(1.0, 2 * worst), best / 1.5)
    for name, values in errors.items():
        ax.plot([sizes[name]] * len(values), values, "x", color="tab:blue", markersize=6)
        ax.plot(sizes[name], mean(values), "_", color="tab:blue", markersize=22, markeredgewidth=2)
        highest = (sizes[name], min(values))
        ax.annotate(name, highest, xytext=(0, 9), textcoords="offset points", fontsize=8, ha="center")
    if claimed is not None:
        ax.axhline(1 - claimed, color="black", linestyle="--", linewidth=1)
        at_the_left = (0.01, 1 - claimed)
        ax.annotate(f"claimed: {claimed:.2%}", at_the_left, xycoords=("axes fraction", "data"), va="bottom")
    marks = [accuracy for accuracy in ACCURACIES if best / 2 <= 1 - accuracy <= 2 * worst]
    ax.set_yticks([1 - accuracy for accuracy in marks], [f"{accuracy:.1%}" for accuracy in marks])
    ax.set_yticks([], minor=True)
    ax.set_xticks(list(sizes.values()), [f"{size:,}" for size in sizes.values()], fontsize=8)
    ax.set_xticks([], minor=True)
    ax.margins(x=0.1)
    ax.grid(alpha=0.3)
    ax.set_title(f"{title}; crosses: runs, bars: their means", fontsize=10)
    save(figure, path)


def error_of(run: Mapping[str, Any]) -> float:
    """Return the share of the test images that are wrong, half an image where none is: 0 has no place on the axis."""
    return max(1 - float(run["test_accuracy"]), 0.5 / int(run["test_images"]))
