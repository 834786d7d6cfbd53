"""After a sweep (`-m`): one table over all its jobs."""

import json
import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from gcm.console import say, show_table
from gcm.file import make_directory, markdown_table, write_csv, write_text
from gcm.report.sweep import by_group, rounded, run_rows, summary_rows
from gcm.task.command_line import failed_jobs, one_line_errors, until_the_end
from gcm.task.run_directory import claimed

WITH_RESULT = ("all", "train", "test")
"""Tasks that write `result.json`."""


class SweepSummary(Callback):
    """Writes `runs.csv`, `summary.csv` and `summary.md` into the sweep's directory, mean, s.d. and n of each group of
    jobs, and `summary.png` where the groups differ in size.

    Jobs whose overrides differ only in the seed are one group. A job without a result is named, not passed over. From
    start to end no other sweep can have the directory.
    """

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        directory = Path(config.hydra.sweep.dir)
        with one_line_errors():  # Hydra makes mere warnings of what callbacks raise
            make_directory(directory, parents=True)
            until_the_end.enter_context(claimed(directory))

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        with one_line_errors():
            self.summarize(config)

    def summarize(self, config: DictConfig) -> None:
        directory = Path(config.hydra.sweep.dir)
        folders = (path for path in directory.iterdir() if path.is_dir() and not path.name.startswith("."))
        jobs = sorted(folders, key=in_order)
        parts = [json.loads((job / "result.json").read_text()) for job in jobs if (job / "result.json").is_file()]
        results = [result for part in parts for result in (part if isinstance(part, list) else [part])]
        missing = [job for job in jobs if not (job / "result.json").is_file()]
        if config.hydra.runtime.choices.task in WITH_RESULT:  # launchers may run jobs in processes of their own
            numbers = [int(job.name) for job in missing if job.name.isdigit()]
            failed_jobs.extend(number for number in numbers if number not in failed_jobs)
        if not results:
            return
        names = ", ".join(job.name for job in missing)
        runs = run_rows(results)
        rows = summary_rows(runs)
        write_csv(directory / "runs.csv", runs)
        write_csv(directory / "summary.csv", rows)
        note = f"\nWithout a result: job {names}.\n" if missing else ""
        write_text(directory / "summary.md", f"# Sweep\n\n{markdown_table([rounded(row) for row in rows])}{note}")
        draw_summary(runs, config, directory)
        show_table("Sweep", [rounded(row) for row in rows])
        if missing:
            say(f"without a result: job {names}")
        say(f"summary: {directory}/summary.csv and .md")


def in_order(job: Path) -> tuple[int, str]:
    """Jobs by number; those with names of their own after them."""
    return (int(job.name), "") if job.name.isdigit() else (sys.maxsize, job.name)


def draw_summary(runs: list[dict[str, Any]], config: DictConfig, directory: Path) -> None:
    from gcm.draw import draw_accuracy_and_size

    if len({run["parameters"] for run in runs}) > 1:
        named = {group.partition(" ")[2] or group: members for group, members in by_group(runs).items()}
        claimed = config.claim.accuracy if config.claim else None
        draw_accuracy_and_size(named, claimed, "accuracy and size", directory / "summary.png")
