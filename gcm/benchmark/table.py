"""A table shows what the benchmark measured: as CSV, as Markdown and on the screen."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gcm.atomic_write import markdown_table, write_csv, write_text
from gcm.benchmark.base import Result
from gcm.cli.console import show_table

REACHED = {True: "yes", False: "no", None: ""}
RATIO_MEANING = (
    "Ratio: where the goal is `>=`, what the other takes divided by what we take; where it is `<=`, what we take "
    "divided by what the other takes; without a goal as if it were `>=`. Median of the rounds, in brackets the "
    "smallest and the largest. For each line both do the whole job in turns, after a warm-up, in a new process."
)


def csv_row(result: Result, origin: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "row": result.row,
        "what": result.what,
        "against": result.against,
        "goal": result.goal,
        "ratio": result.ratio,
        "low": result.low,
        "high": result.high,
        "rounds": result.rounds,
        "reached": REACHED[result.reached],
        "ours": result.ours,
        "others": result.others,
        "unit": result.unit,
        "note": result.note,
        **origin,
    }


def shown_row(result: Result) -> dict[str, str]:
    return {
        "what": result.what,
        "against": result.against,
        "goal": str(result.goal or ""),
        "ratio": f"{result.ratio:.2f} [{result.low:.2f}, {result.high:.2f}]",
        "reached": REACHED[result.reached],
        "ours": f"{result.ours:.3g} {result.unit}",
        "other": f"{result.others:.3g} {result.unit}",
        "n": str(result.rounds),
        "note": result.note,
    }


def show_benchmark(results: Sequence[Result]) -> None:
    """Show the results row by row, narrow enough for a small terminal."""
    for row in dict.fromkeys(result.row for result in results):
        shown = [shown_row(result) for result in results if result.row == row]
        show_table(row, [{name: line[name] for name in ("what", "against", "goal", "ratio")} for line in shown])


def write_benchmark(
    results: Sequence[Result], left_out: Sequence[str], origin: Mapping[str, Any], directory: Path
) -> None:
    """Write `benchmark.csv` and `benchmark.md`."""
    write_csv(directory / "benchmark.csv", [csv_row(result, origin) for result in results])
    parts = [
        "# Benchmark\n",
        RATIO_MEANING + "\n",
        "; ".join(f"{name}: {value}" for name, value in origin.items()) + "\n",
    ]
    for row in dict.fromkeys(result.row for result in results):
        parts += [f"## {row}\n", markdown_table([shown_row(result) for result in results if result.row == row])]
    write_text(directory / "benchmark.md", "\n".join([*parts, *left_out]))
