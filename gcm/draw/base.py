"""Figures are made without a window, and written whole or not at all."""

import logging
import re
import warnings
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text
from matplotlib.ticker import Formatter, LogFormatter, ScalarFormatter

from gcm.atomic_write import write_whole

LOG = logging.getLogger(__name__)
EAST_ASIAN = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans CJK KR", "IPAexGothic", "Hiragino Sans", "PingFang SC",
    "Yu Gothic", "Meiryo", "Microsoft YaHei", "Malgun Gothic", "Arial Unicode MS", "WenQuanYi Zen Hei",
)  # fmt: skip
"""Fonts of the common systems with letters that matplotlib's own lacks."""
MARKERS = "osD^vPX*<>h"
"""Markers of lines and points, told apart without colours."""
MINUS, TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")

logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # some of these fonts have no bold letters


def new_figure(width: float, height: float) -> Figure:
    """Return a figure of this size in inches, without a window."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure; no text is read as a formula, whatever a class is called.

    The log names letters that no font here has. Raises `InputError` where the file cannot be written.
    """
    for axis in figure.findobj(Axis):
        write_plain_numbers(axis)
    for text in figure.findobj(Text):
        text.set_parse_math(False)
        text.set_usetex(False)
        text.set_fontfamily([*text.get_fontfamily(), *east_asian_fonts()])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write_whole(path, lambda partial: figure.savefig(partial, dpi=150))
    letters = [letter_without_font(str(warning.message)) for warning in caught]
    for warning, letter in zip(caught, letters, strict=True):
        if not letter:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if missing := list(dict.fromkeys(filter(None, letters))):
        LOG.warning(f"{path.name}: no font here has {' '.join(missing)}; install one, such as Noto Sans CJK")


def write_plain_numbers(axis: Axis) -> None:
    """Let an axis write plain numbers where matplotlib would write formulas.

    On logarithmic scales it always would, on others where its settings say so.
    """
    major, minor = axis.get_major_formatter(), axis.get_minor_formatter()
    for formatter, put in ((major, axis.set_major_formatter), (minor, axis.set_minor_formatter)):
        if isinstance(formatter, LogFormatter):
            put(PlainLogFormatter(formatter))
        elif isinstance(formatter, ScalarFormatter):
            formatter.set_useMathText(False)
            formatter.set_usetex(False)
            formatter.set_useOffset(False)


class PlainLogFormatter(Formatter):
    """Writes plain numbers at the marks that another formatter of a logarithmic scale would write at."""

    def __init__(self, choosing: LogFormatter) -> None:
        self.choosing = choosing

    def __call__(self, x: float, pos: int | None = None) -> str:
        return plain_number(x) if self.choosing(x, pos) else ""

    def set_axis(self, axis: Any) -> None:
        super().set_axis(axis)
        self.choosing.set_axis(axis)

    def set_locs(self, locs: Any) -> None:
        self.choosing.set_locs(locs)


def rounded(value: float, digits: int = 3) -> str:
    """Write a number plainly, with so many significant digits.

    >>> from gcm.draw import rounded
    >>> rounded(0.123456), rounded(20000)
    ('0.123', '20,000')
    """
    return plain_number(float(f"{value:.{digits}g}"))


def with_sign(value: float, decimals: int = 2) -> str:
    """Write a number with its sign, a true minus; a number that rounds to zero is `+0.00`, never less."""
    return f"{value:+z.{decimals}f}".replace("-", MINUS)


def plain_number(value: float) -> str:
    """Write a number as `0.03`, `20,000`; of other orders of magnitude as `10⁻⁷`, which is no formula but letters."""
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return f"{value:,.10f}".rstrip("0").rstrip(".").replace("-", MINUS)
    digits, exponent = f"{value:.10e}".split("e")
    factor = digits.rstrip("0").rstrip(".").replace("-", MINUS)
    power = f"10{str(int(exponent)).translate(SUPERSCRIPT)}"
    return power if factor == "1" else f"{factor}{TIMES}{power}"


def letter_without_font(warning: str) -> str:
    """Return the letter that matplotlib warns of, or an empty string."""
    found = re.match(r"Glyph (\d+) .* missing from", warning)
    return chr(int(found[1])) if found else ""


@cache
def east_asian_fonts() -> tuple[str, ...]:
    """Return those of the fonts that are installed."""
    installed = {font.name for font in fontManager.ttflist}
    return tuple(name for name in EAST_ASIAN if name in installed)


def write_headings(row: Iterable[Axes], headings: Sequence[str], fontsize: float) -> None:
    """Write a heading above each panel of a row."""
    for ax, heading in zip(row, headings, strict=True):
        ax.set_title(heading, fontsize=fontsize)
