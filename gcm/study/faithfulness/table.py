"""The faithfulness table: from cells to CSV, Markdown, and rows for the screen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from gcm.atomic_write import markdown_table, write_csv, write_text
from gcm.error import listed
from gcm.metric import Mean
from gcm.study.faithfulness.cells import Column, FaithfulnessCell, Row
from gcm.study.reason import by_reason

NUMBERS = (
    "Each cell: the mean over images (and seeds) and half its 95 % interval, which says how it varies with the images. "
    "`*`: certain by construction, so no evidence."
)
COMPARED = (
    "`better`, `worse`: image by image (the 95 % interval of the difference does not hold 0; for these "
    "networks, and not corrected for the number of comparisons), than"
)
DIFFERENCE = "difference_"
MOTIVES = (
    "No one measure proves an explanation: `uniform` is complete and shows nothing, a single random pixel is sparse, "
    "the same picture for every image is stable. `uniform` and `random` say what can be had without knowledge."
)


@dataclass(frozen=True)
class Origin:
    """The origin of a table.

    Attributes:
        data: the data set's name.
        weights: names of the networks, with seed and the first digits of their weights' hash.
        compared_with: visualizer whose maps the others are compared with.
        machine: the machine where it was measured.
    """

    data: str
    weights: str
    compared_with: str
    machine: str


def csv_row(cell: FaithfulnessCell, origin: Origin) -> dict[str, Any]:
    """Return a line of the CSV; the numbers are not rounded."""
    return {
        **asdict(origin),
        "network": cell.row.network,
        "visualizer": cell.row.visualizer,
        "kind": cell.row.kind,
        "measure": cell.column.measure,
        "better": "higher" if cell.column.higher_is_better else "lower",
        **columns_of(cell.measured, ""),
        "seeds": cell.seeds,
        "seed_deviation": cell.seed_deviation,
        **columns_of(cell.difference, DIFFERENCE),
        "compared": cell.compared,
        "by_construction": cell.by_construction,
        "reason": cell.reason,
        "meaning": cell.column.meaning,
    }


def columns_of(measured: Mean | None, prefix: str) -> dict[str, Any]:
    values = measured._asdict() if measured else dict.fromkeys(Mean._fields, "")
    return {f"{prefix}{name}": value for name, value in values.items()}


def origin_in(row: Mapping[str, str]) -> Origin:
    return Origin(**{each.name: row[each.name] for each in fields(Origin)})


def cell_in(row: Mapping[str, str]) -> FaithfulnessCell:
    """Read a cell from a line of the CSV."""
    return FaithfulnessCell(
        Row(row["network"], row["visualizer"], row["kind"]),  # type: ignore[arg-type]
        Column(row["measure"], row["better"] == "higher", row["meaning"]),
        measured_in(row, ""),
        int(row["seeds"]),
        float(row["seed_deviation"]),
        measured_in(row, DIFFERENCE),
        row["reason"],
    )


def measured_in(row: Mapping[str, str], prefix: str) -> Mean | None:
    mean, low, high, n = (row[f"{prefix}{name}"] for name in Mean._fields)
    return Mean(float(mean), float(low), float(high), int(n)) if n else None


def wide_rows(cells: Sequence[FaithfulnessCell], text: Callable[[FaithfulnessCell], str]) -> list[dict[str, Any]]:
    """Return a row for each network and visualizer, a column for each measure; those without any number are left
    out.
    """
    measured = [cell for cell in cells if cell.measured]
    filled_rows, filled_columns = {cell.row for cell in measured}, {cell.column for cell in measured}
    rows: dict[Row, dict[str, Any]] = {}
    for cell in cells:
        if cell.row in filled_rows and cell.column in filled_columns:
            arrow = "↑" if cell.column.higher_is_better else "↓"
            rows.setdefault(cell.row, asdict(cell.row))[f"{cell.column.measure} {arrow}"] = text(cell)
    return list(rows.values())


def in_full(cell: FaithfulnessCell) -> str:
    if cell.measured is None:
        return "n/a"
    reach = f" ± {cell.measured.high - cell.measured.mean:.3f}" if cell.measured.n > 1 else ""
    seeds = f" (seeds: {cell.seed_deviation:.3f})" if cell.seeds > 1 else ""
    compared = f", {cell.compared}" if cell.compared else ""
    return f"{short(cell)}{reach}{seeds}{compared}"


def short(cell: FaithfulnessCell) -> str:
    """Return the mean alone, starred where it is certain by construction."""
    return f"{cell.measured.mean:.3f}{'*' if cell.by_construction else ''}" if cell.measured else "n/a"


def faithfulness_text(cells: Sequence[FaithfulnessCell], origin: Origin) -> str:
    """Return the text with the table, in Markdown.

    It says what the numbers mean, how many images each measure saw, and why cells are certain or empty.
    """
    lines = [f"- `{column.measure}`: {column.meaning}. {counts(column, cells)}" for column in columns(cells)]
    lines += [f"- `*` {listed(names)}: {reason}" for reason, names in certain(cells).items()]
    lines += [f"- n/a {'; '.join(names)}: {reason}" for reason, names in empty(cells).items()]
    seeds = max(cell.seeds for cell in cells)
    trained = (
        f" In brackets the standard deviation over {seeds} networks trained from other seeds." if seeds > 1 else ""
    )
    notes = "\n".join(lines)
    compared = f" {COMPARED} `{origin.compared_with}`." if any(cell.difference for cell in cells) else ""
    explained = f"{NUMBERS}{trained}{compared} {MOTIVES}"
    source = f"Networks: {origin.weights}. Machine: {origin.machine}."
    return f"{explained}\n\n{notes}\n\n{markdown_table(wide_rows(cells, in_full))}\n{source}\n"


def columns(cells: Sequence[FaithfulnessCell]) -> list[Column]:
    return list(dict.fromkeys(cell.column for cell in cells))


def counts(column: Column, cells: Sequence[FaithfulnessCell]) -> str:
    numbers = sorted({cell.measured.n for cell in cells if cell.column == column and cell.measured})
    return f"n = {' or '.join(f'{number:,}' for number in numbers)}." if numbers else ""


def certain(cells: Sequence[FaithfulnessCell]) -> dict[str, list[str]]:
    """Return what holds by construction, by the reason."""
    return by_reason(
        (f"{cell.row.visualizer} x {cell.column.measure}", cell.reason) for cell in cells if cell.by_construction
    )


def empty(cells: Sequence[FaithfulnessCell]) -> dict[str, list[str]]:
    """Return what has no number, by the reason: whole rows by their names, else measures with the rows that lack
    them.
    """
    filled = {cell.row for cell in cells if cell.measured}
    groups: dict[tuple[str, str], dict[str, None]] = {}
    for cell in cells:
        if cell.measured is None:
            what = f"{cell.column.measure} of " if cell.row in filled else ""
            groups.setdefault((what, cell.reason), {})[f"{cell.row.visualizer} on {cell.row.network}"] = None
    return by_reason((f"{what}{', '.join(names)}", reason) for (what, reason), names in groups.items())


def write_faithfulness(cells: Sequence[FaithfulnessCell], origin: Origin, title: str, directory: Path) -> None:
    """Write `faithfulness.csv`, one line a cell, and `faithfulness.md`."""
    write_csv(directory / "faithfulness.csv", [csv_row(cell, origin) for cell in cells])
    write_text(directory / "faithfulness.md", f"# {title}\n\n{faithfulness_text(cells, origin)}")
