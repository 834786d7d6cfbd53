"""Figures without a window, written whole or not at all."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from gcm.file import write_whole


def new_figure(width: float, height: float) -> Figure:
    """A figure of this size in inches, without a window."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """No text is read as a formula, whatever a class is called."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    write_whole(path, lambda partial: figure.savefig(partial, dpi=150))


def write_headings(row: Iterable[Axes], headings: Sequence[str], fontsize: float) -> None:
    """One above each panel of a row."""
    for ax, heading in zip(row, headings, strict=True):
        ax.set_title(heading, fontsize=fontsize)
