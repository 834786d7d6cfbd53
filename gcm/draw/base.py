"""Figures without a window, written whole or not at all."""

import logging
import re
import warnings
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

from gcm.console import say
from gcm.file import write_whole

EAST_ASIAN = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans CJK KR", "IPAexGothic", "Hiragino Sans", "PingFang SC",
    "Yu Gothic", "Meiryo", "Microsoft YaHei", "Malgun Gothic", "Arial Unicode MS", "WenQuanYi Zen Hei",
)  # fmt: skip
"""Fonts of the common systems with letters that matplotlib's own lacks."""

logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # some of these fonts have no bold letters


def new_figure(width: float, height: float) -> Figure:
    """A figure of this size in inches, without a window."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """No text is read as a formula, whatever a class is called; letters that no font here has are named."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)
        text.set_fontfamily([*text.get_fontfamily(), *east_asian_fonts()])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write_whole(path, lambda partial: figure.savefig(partial, dpi=150))
    letters = [letter_without_font(str(warning.message)) for warning in caught]
    for warning, letter in zip(caught, letters, strict=True):
        if not letter:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if missing := list(dict.fromkeys(filter(None, letters))):
        say(f"{path.name}: no font here has {' '.join(missing)}; install one, such as Noto Sans CJK")


def letter_without_font(warning: str) -> str:
    """The one that matplotlib warns of, if it does."""
    found = re.match(r"Glyph (\d+) .* missing from", warning)
    return chr(int(found[1])) if found else ""


@cache
def east_asian_fonts() -> tuple[str, ...]:
    """Those that are installed."""
    installed = {font.name for font in fontManager.ttflist}
    return tuple(name for name in EAST_ASIAN if name in installed)


def write_headings(row: Iterable[Axes], headings: Sequence[str], fontsize: float) -> None:
    """One above each panel of a row."""
    for ax, heading in zip(row, headings, strict=True):
        ax.set_title(heading, fontsize=fontsize)
