"""Accuracy against size, over the groups of a sweep."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gcm.draw.base import new_figure, save


def draw_accuracy_and_size(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str], claimed: float | None, title: str, path: Path
) -> None:
    """A dot for each row, with the standard deviation over its seeds; a line at the accuracy that a paper claims."""
    figure = new_figure(7, 4)
    ax = figure.subplots()
    for row, name in zip(rows, names, strict=True):
        place = (row["parameters"], row["test_accuracy"])
        ax.errorbar(*place, yerr=row["test_accuracy s.d."] or 0, fmt="o", color="tab:blue", capsize=4)
        ax.annotate(name, place, xytext=(0, -16), textcoords="offset points", fontsize=8, ha="center")
    if claimed is not None:
        ax.axhline(claimed, color="black", linestyle="--", linewidth=1)
        at_the_right = (1, claimed)
        ax.annotate(
            f"claimed: {claimed:.2%}", at_the_right, xycoords=("axes fraction", "data"), ha="right", va="bottom"
        )
    ax.set(xscale="log", xlabel="parameters", ylabel="test accuracy, mean ± s.d. over seeds")
    ax.set_xticks([row["parameters"] for row in rows], [f"{row['parameters']:,}" for row in rows], fontsize=8)
    ax.set_xticks([], minor=True)
    ax.margins(x=0.15, y=0.15)
    ax.grid(alpha=0.3)
    ax.set_title(title, fontsize=10)
    save(figure, path)
