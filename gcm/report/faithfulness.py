"""The faithfulness table: from cells to CSV, Markdown and the screen."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gcm.console import say, show_table
from gcm.file import markdown_table, write_csv, write_text
from gcm.measure.table import Cell, Row, reference
from gcm.metric import Measured

NUMBERS = (
    "Each cell: the mean over images (and seeds) and half its 95 % interval, which says how it varies with the images. "
    "`*`: certain by construction, so no evidence. `+`, `-`: better or worse, image by image (the 95 % interval of the "
    "difference does not hold 0), than"
)
MOTIVES = (
    "No one measure proves an explanation: `uniform` is complete and shows nothing, a single random pixel is sparse, "
    "the same picture for every network is stable. `uniform` and `random` say what can be had without knowledge."
)


def long_row(cell: Cell, own: Mapping[str, Cell], data: str) -> dict[str, Any]:
    """A line of the CSV; the numbers are not rounded."""
    other = own.get(cell.measure)
    difference = cell.difference(other) if other else None
    return {
        "data": data,
        "network": cell.row.network,
        "visualizer": cell.row.visualizer,
        "kind": kind_of(cell),
        "measure": cell.measure,
        "better": "higher" if cell.higher_is_better else "lower",
        **values_of(cell.measured, ""),
        "seeds": cell.seeds,
        "seed_deviation": cell.seed_deviation if cell.seeds > 1 else "",
        **values_of(difference, "difference_"),
        "compared": cell.compared_with(other) if other else "",
        "by_construction": cell.by_construction,
        "note": cell.reason if cell.values is not None else f"n/a: {cell.reason}",
    }


def values_of(measured: Measured | None, prefix: str) -> dict[str, Any]:
    values = measured._asdict() if measured else dict.fromkeys(Measured._fields, "")
    return {f"{prefix}{name}": value for name, value in values.items()}


def kind_of(cell: Cell) -> str:
    return "control" if cell.row.control else "by design" if cell.row.by_design else "post-hoc"


def wide_rows(cells: Sequence[Cell], text: Callable[[Cell], str]) -> list[dict[str, Any]]:
    """A row for each network and visualizer, a column for each measure; those without any number are left out."""
    found = [cell for cell in cells if cell.values is not None]
    filled = {cell.row for cell in found}, {cell.measure for cell in found}
    rows: dict[Row, dict[str, Any]] = {}
    for cell in cells:
        if cell.row in filled[0] and cell.measure in filled[1]:
            names = {"network": cell.row.network, "visualizer": cell.row.visualizer, "kind": kind_of(cell)}
            rows.setdefault(cell.row, names)[heading_of(cell.measure, cells)] = text(cell)
    return list(rows.values())


def heading_of(measure: str, cells: Sequence[Cell]) -> str:
    """With the direction that is good."""
    (higher_is_better,) = {cell.higher_is_better for cell in cells if cell.measure == measure}
    return f"{measure} {'↑' if higher_is_better else '↓'}"


def shown(cell: Cell, other: Cell | None) -> str:
    measured = cell.measured
    if measured is None:
        return "n/a"
    sign = {"better": "+", "worse": "-", "": ""}[cell.compared_with(other) if other else ""]
    return f"{short(cell)} ± {measured.high - measured.mean:.3f}{sign}"


def short(cell: Cell) -> str:
    """The mean alone, starred where it is certain by construction."""
    return f"{cell.measured.mean:.3f}{'*' if cell.by_construction else ''}" if cell.measured else "n/a"


def notes_on(cells: Sequence[Cell], meanings: Mapping[str, str], compared_with: str) -> str:
    """What the measures mean, how many images each saw, which cells are certain, and why others are empty."""
    measures = dict.fromkeys(cell.measure for cell in cells)
    lines = [f"- `{measure}`: {meanings[measure]} {counts(measure, cells)}" for measure in measures]
    lines += [f"- `*` {visualizer} x {measure}: {reason}" for visualizer, measure, reason in marked(cells)]
    lines += [f"- n/a {what}: {reason}" for what, reason in empty(cells)]
    seeds = max(cell.seeds for cell in cells)
    trained = f" Networks of {seeds} seeds." if seeds > 1 else ""
    return f"{NUMBERS} `{compared_with}`.{trained} {MOTIVES}\n\n" + "\n".join(lines) + "\n"


def counts(measure: str, cells: Sequence[Cell]) -> str:
    numbers = sorted({cell.measured.n for cell in cells if cell.measure == measure and cell.measured})
    return f"n = {' or '.join(f'{number:,}' for number in numbers)}." if numbers else ""


def marked(cells: Sequence[Cell]) -> Iterable[tuple[str, str, str]]:
    """Each visualizer, measure and reason once."""
    return dict.fromkeys((cell.row.visualizer, cell.measure, cell.reason) for cell in cells if cell.by_construction)


def empty(cells: Sequence[Cell]) -> list[tuple[str, str]]:
    """What has no number, and why: whole rows by their names, else measures with the rows that lack them."""
    fitting = {cell.row for cell in cells if cell.values is not None}
    groups: dict[tuple[str, str], dict[str, None]] = {}
    for cell in cells:
        if cell.values is None:
            what = f"{cell.measure} of " if cell.row in fitting else ""
            groups.setdefault((what, cell.reason), {})[f"{cell.row.visualizer} on {cell.row.network}"] = None
    return [(f"{what}{', '.join(names)}", reason) for (what, reason), names in groups.items()]


def write_faithfulness(
    cells: Sequence[Cell], data: str, meanings: Mapping[str, str], compared_with: str, title: str, directory: Path
) -> None:
    """`faithfulness.csv`, one line a cell, and `faithfulness.md`."""
    own = reference(cells, compared_with)
    write_csv(directory / "faithfulness.csv", [long_row(cell, own, data) for cell in cells])
    table = markdown_table(wide_rows(cells, lambda cell: shown(cell, own.get(cell.measure))))
    write_text(directory / "faithfulness.md", f"# {title}\n\n{table}\n{notes_on(cells, meanings, compared_with)}")


def show_faithfulness(cells: Sequence[Cell], title: str) -> None:
    show_table(title, wide_rows(cells, short))
    say(MOTIVES)
