"""After a sweep (`-m`): one table over all its jobs."""

import json
from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from gcm.console import say, show_table
from gcm.file import markdown_table, write_csv, write_text

NAMED_ALREADY = ("seed=", "model=", "data=")
MEASURED = ("test_accuracy", "test_loss")


class SweepSummary(Callback):
    """Writes `summary.csv` and `summary.md` into the sweep's directory: mean, s.d. and n of each group of jobs.

    Jobs whose overrides differ only in the seed are one group. A job without a result is named, not passed over.
    """

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        directory = Path(config.hydra.sweep.dir)
        parts = [json.loads(path.read_text()) for path in sorted(directory.glob("*/result.json"))]
        results = [result for part in parts for result in (part if isinstance(part, list) else [part])]
        missing = [
            path.name for path in sorted(directory.iterdir()) if path.is_dir() and not (path / "result.json").is_file()
        ]
        if not results:
            return
        rows = [summary_row(group, members) for group, members in grouped(results).items()]
        write_csv(directory / "summary.csv", rows)
        note = f"\nWithout a result: job {', '.join(missing)}.\n" if missing else ""
        write_text(directory / "summary.md", f"# Sweep\n\n{markdown_table([rounded(row) for row in rows])}{note}")
        show_table("Sweep", [rounded(row) for row in rows])
        if missing:
            say(f"without a result: job {', '.join(missing)}")
        say(f"summary: {directory}/summary.csv and .md")


def grouped(results: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The results by network and by those overrides that differ between jobs, the seed aside."""
    common = set.intersection(*(set(result["overrides"]) for result in results))
    groups = defaultdict(list)
    for result in results:
        own = [override for override in result["overrides"] if override not in common]
        settings = [override for override in own if not override.startswith(NAMED_ALREADY)]
        groups[" ".join([result["network"], *settings])].append(result)
    return dict(groups)


def summary_row(group: str, members: list[dict[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {"group": group, "n": len(members)}
    for name in MEASURED:
        values = [member[name] for member in members]
        row[name] = mean(values)
        row[f"{name} s.d."] = stdev(values) if len(values) > 1 else ""
    return row


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {name: f"{value:.4f}" if isinstance(value, float) else value for name, value in row.items()}
