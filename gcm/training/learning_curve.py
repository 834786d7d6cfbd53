"""A learning curve shows loss and accuracy over a training."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.ticker import MaxNLocator

from gcm.draw.base import new_figure, save


def draw_learning_curve(rows: Sequence[Mapping[str, float]], title: str, path: Path) -> None:
    """Draw loss and accuracy of each split, wherever they were measured."""
    figure = new_figure(8, 3.2)
    figure.suptitle(title)
    axes = figure.subplots(1, 2)
    for ax, measure in zip(axes, ("loss", "accuracy"), strict=True):
        for split, style in (("train", "-"), ("val", "--")):
            name = f"{split}_{measure}"
            measured = [row for row in rows if name in row]
            if measured:
                ax.plot(
                    [row["epoch"] for row in measured],
                    [row[name] for row in measured],
                    style,
                    marker=".",
                    label={"train": "training", "val": "validation"}[split],
                )
        ax.set(xlabel="epoch", ylabel=measure)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(alpha=0.3)
        ax.legend()
    axes[0].set_yscale("log")
    save(figure, path)
