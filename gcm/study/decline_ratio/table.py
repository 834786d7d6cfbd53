"""The decline-ratio table: from cells to CSV, Markdown, and rows for the screen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gcm.atomic_write import markdown_table, write_csv, write_text
from gcm.error import listed
from gcm.metric import Decline
from gcm.study.decline_ratio.numbers import DeclineRatioCell
from gcm.study.reason import by_reason

DECLINE_RATIO_MEANING = (
    "Decline ratio = (A - B) / A: A is the network's accuracy, B that of the class whose picture adds up to the "
    "largest sum. 0: classifying by the pictures loses nothing. It tests whether a picture adds up to the decision "
    "(completeness), not whether it is in the right place: `uniform`, which shows nothing, scores 0 (raw, product)."
)
IN_FULL = "Each cell: the ratio, its 95 % interval in brackets, B, and how often picture and network agree."
BY_CONSTRUCTION = "Starred cells hold by construction, whatever the network learned, so they are no evidence:"


def long_row(cell: DeclineRatioCell) -> dict[str, Any]:
    """Return a line of the CSV; the numbers are not rounded."""
    values = cell.decline._asdict() if cell.decline else dict.fromkeys(Decline._fields, "")
    return {
        "network": cell.network,
        "visualizer": cell.visualizer,
        "rendering": cell.rendering,
        **{"decline_ratio" if name == "ratio" else name: value for name, value in values.items()},
        "by_construction": cell.by_construction,
        "note": cell.reason if cell.decline else f"n/a: {cell.reason}",
    }


def wide_rows(cells: Sequence[DeclineRatioCell], in_full: bool) -> list[dict[str, Any]]:
    """Return a row for each network and visualizer that have numbers, a column for each rendering."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for cell in cells:
        if cell.decline:
            names = {"network": cell.network, "visualizer": cell.visualizer, "A": f"{cell.decline.accuracy:.2%}"}
            row = rows.setdefault((cell.network, cell.visualizer), names)
            row[cell.rendering] = cell_text(cell.decline, cell.by_construction, in_full)
    return list(rows.values())


def cell_text(decline: Decline, by_construction: bool, in_full: bool) -> str:
    mark = "*" if by_construction else ""
    details = f" [{decline.low:.4f}, {decline.high:.4f}], B {decline.map_accuracy:.2%}, agree {decline.agreement:.2%}"
    return f"{decline.ratio:.4f}{mark}{details if in_full else ''}"


def footnotes(cells: Sequence[DeclineRatioCell]) -> list[str]:
    """Return why the marked cells hold by construction, each reason once."""
    marked = by_reason((f"{cell.visualizer} x {cell.rendering}", cell.reason) for cell in cells if cell.by_construction)
    return [f"{listed(names)}: {reason}" for reason, names in marked.items()]


def misfits(cells: Sequence[DeclineRatioCell]) -> list[str]:
    """Return why visualizers have no numbers, each reason once."""
    empty = by_reason((f"{cell.visualizer} on {cell.network}", cell.reason) for cell in cells if cell.decline is None)
    return [f"n/a {listed(names)}: {reason}" for reason, names in empty.items()]


def decline_ratio_text(cells: Sequence[DeclineRatioCell]) -> str:
    """Return the meaning of the numbers, which are certain and which are lacking, and below it the table, in
    Markdown.
    """
    notes = "".join(f"- {note}\n" for note in footnotes(cells))
    empty = "".join(f"- {reason}\n" for reason in misfits(cells))
    return (
        f"{DECLINE_RATIO_MEANING}\n\n{IN_FULL}\n\n{BY_CONSTRUCTION}\n\n{notes}"
        + (f"\nNo numbers:\n\n{empty}" if empty else "")
        + f"\n{markdown_table(wide_rows(cells, in_full=True))}"
    )


def write_decline_ratio(cells: Sequence[DeclineRatioCell], data: str, title: str, directory: Path) -> None:
    """Write `decline_ratio.csv`, one line a cell, and `decline_ratio.md`."""
    write_csv(directory / "decline_ratio.csv", [{"data": data, **long_row(cell)} for cell in cells])
    write_text(directory / "decline_ratio.md", f"# {title}\n\n{decline_ratio_text(cells)}")


def lines_below(cells: Sequence[DeclineRatioCell]) -> list[str]:
    """Return what a reader of the table on the screen must know: the same as in the Markdown, a line each."""
    return [DECLINE_RATIO_MEANING, BY_CONSTRUCTION, *(f"  {note}" for note in footnotes(cells)), *misfits(cells)]
