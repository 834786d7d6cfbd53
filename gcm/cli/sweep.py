"""A sweep (`-m`) ends with one table over all its jobs."""

import json
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from gcm.atomic_write import make_directory, markdown_table, write_csv, write_json, write_text
from gcm.cli.command_line import failed_jobs, one_line_errors, until_the_end
from gcm.cli.console import say, say_notices, show_table
from gcm.cli.declaration import declarations
from gcm.cli.image_data import image_data
from gcm.cli.resume.training import read_results
from gcm.cli.run_directory import claimed
from gcm.error import InputError, listed
from gcm.instantiate import plain
from gcm.launch import refuse_torchrun
from gcm.study.sweep.table import by_group, rounded_row, run_rows, summary_rows
from gcm.zoo.card import LOCAL


class SweepSummary(Callback):
    """Writes `runs.csv`, `summary.csv` and `summary.md` into the sweep's directory, mean, s.d. and n of each group of
    jobs, and `summary.png` where the groups differ in size.

    Jobs whose overrides differ only in the seed are one group. A job without a result is named, not passed over. From
    start to end no other sweep can have the directory.
    """

    def __init__(self) -> None:
        self.given_up: set[Path] = set()

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        directory = Path(config.hydra.sweep.dir)
        say_notices()
        with one_line_errors():  # Hydra makes mere warnings of what callbacks raise
            refuse_torchrun("a sweep")
            if is_search(config):
                check_search(config)
            make_directory(directory, parents=True)
            until_the_end.enter_context(claimed(directory))
            if is_search(config):
                remember_search(config)
                self.given_up = set(directory.iterdir())  # a search does no job a second time

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        with one_line_errors():
            self.summarize(config)

    def summarize(self, config: DictConfig) -> None:
        directory = Path(config.hydra.sweep.dir)
        folders = (path for path in directory.iterdir() if path.is_dir() and not path.name.startswith("."))
        jobs = sorted(folders, key=in_order)
        finished = [job for job in jobs if (job / "result.json").is_file()]
        results = [result for job in finished for result in read_results(job)]
        missing = [job for job in jobs if job not in finished]
        if declarations()[
            config.hydra.runtime.choices.task
        ].leaves_result:  # launchers may run jobs in processes of their own
            now = [job.name for job in missing if job not in self.given_up]
            failed_jobs.extend(name for name in now if name not in failed_jobs)
        if not results:
            return
        names = f"job{'s' if len(missing) > 1 else ''} {listed(job.name for job in missing)}"
        runs = run_rows(results)
        rows = summary_rows(runs)
        write_csv(directory / "runs.csv", runs)
        write_csv(directory / "summary.csv", rows)
        note = f"\nWithout a result: {names}.\n" if missing else ""
        write_text(directory / "summary.md", f"# Sweep\n\n{markdown_table([rounded_row(row) for row in rows])}{note}")
        draw_summary(runs, config, directory)
        show_table("Sweep", [rounded_row(row) for row in rows])
        if missing:
            say(f"without a result: {names}")
        if is_search(config):
            best = max(rows, key=itemgetter("val_accuracy"))
            say(f"best by validation accuracy: {best['group']}, {best['val_accuracy']:.2%}")
        say(f"summary: {directory}/summary.csv and .md")


def in_order(job: Path) -> tuple[str, int]:
    """Sort jobs by number, those of a search by the time when it was begun or gone on with, too."""
    began, _, number = job.name.rpartition("_")
    return (began, int(number)) if number.isdigit() else (job.name, 0)


def is_search(config: DictConfig) -> bool:
    return str(config.hydra.sweeper._target_).rpartition(".")[2] == "OptunaSweeper"


def check_search(config: DictConfig) -> None:
    """Raise `InputError` for a search that has nothing to go by."""
    if config.hydra.runtime.choices.task != "train" or not image_data(config.data).validated:
        raise InputError("a search goes by the validation accuracy of trainings; set task=train data.val_size=")


def remember_search(config: DictConfig) -> None:
    """Raise `InputError` where the directory holds another search."""
    directory = Path(config.hydra.sweep.dir)
    space = plain(config.hydra.sweeper.params or {})
    searched = {"overrides": sorted(known(config.hydra.overrides.task)), "params": space}
    path = directory / "search.json"
    if path.is_file() and json.loads(path.read_text()) != searched:
        raise InputError(f"{directory} holds another search; compare {path}, or name a new directory: hydra.sweep.dir=")
    write_json(path, searched)


def known(overrides: Sequence[str]) -> list[str]:
    """Return all that decides what is searched, and not where it is done."""
    return [override for override in overrides if not override.startswith(LOCAL)]


def draw_summary(runs: list[dict[str, Any]], config: DictConfig, directory: Path) -> None:
    from gcm.study.sweep.figure import draw_accuracy_and_size

    runs = [run for run in runs if run["test_images"]]
    if len({run["parameters"] for run in runs}) > 1:
        named = {group.partition(" ")[2] or group: members for group, members in by_group(runs).items()}
        claimed = config.claim.accuracy if config.claim else None
        draw_accuracy_and_size(named, claimed, "accuracy and size", directory / "summary.png")
