"""Messages and bars appear on the screen."""

import logging
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from rich import progress as bars
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from gcm.command import command_name
from gcm.launch import is_first_process
from gcm.progress import Item, Progress
from gcm.untrusted import printable

console = Console(quiet=not is_first_process())
"""The screen; of the processes of a distributed run only the first speaks."""


def say(text: str) -> None:
    console.print("\n".join(map(printable, text.split("\n"))), highlight=False, markup=False, soft_wrap=True)


@cache
def say_once(text: str) -> None:
    """Say a text once in a process, however often it is to be said."""
    say(text)


def say_next(*words: object) -> None:
    """Say what to try next, in words of a command line."""
    say(f"next: {command_name()} {shlex.join(map(str, words))}")


def show_table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    table = Table(title=Text(printable(title)), box=SIMPLE_HEAD, pad_edge=False)
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        table.add_column(Text(printable(name)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(str(row.get(name, "")))) for name in names))
    console.print(table)


@dataclass(frozen=True)
class Bars(Progress):
    """Shows a bar for each piece of work.

    Attributes:
        name: name of the network or run that is worked on; it stands before what is done.
    """

    name: str = ""

    def over(self, items: Iterable[Item], what: str, total: int) -> Iterable[Item]:
        said = f"{self.name}: {what}" if self.name else what
        return bars.track(items, description=escape(printable(said)), total=total, console=console)

    def of(self, name: str) -> "Bars":
        return replace(self, name=name)


BARS = Bars()


class Notices(logging.Handler):
    """Says what the library writes into its log, as it stands."""

    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


def say_notices() -> None:
    """Say from now on what the library has to tell besides its results."""
    log = logging.getLogger("gcm")
    log.setLevel(logging.INFO)
    log.propagate = False  # Hydra shows what arrives at the top, with the time and the logger's name
    if not any(isinstance(handler, Notices) for handler in log.handlers):
        log.addHandler(Notices())


@contextmanager
def step_progress(total: int) -> Iterator[Callable[[int, str], None]]:
    """Show a bar over `total` steps; the function that it yields moves it to a step and says how things stand."""
    with bars.Progress(
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TimeRemainingColumn(),
        console=console,
    ) as progress:
        bar = progress.add_task("", total=total)
        yield lambda step, said: progress.update(bar, completed=step, description=printable(said))


def show_results(results: Sequence[Mapping[str, Any]]) -> None:
    """Show tested networks, a row each, with the training's time where it has just been trained."""
    rows = [
        {
            "network": result["network"],
            "seed": result["seed"],
            "parameters": f"{result['parameters']:,}",
            "epochs": result["epochs"],
            "accuracy": f"{result['test_accuracy']:.2%}" if result["test_images"] else "",
            "loss": f"{result['test_loss']:.4f}" if result["test_images"] else "",
            "n": f"{result['test_images']:,}",
            **({"precision": result["precision"]} if result.get("precision", "32-true") != "32-true" else {}),
            **({"time": f"{result['training_seconds']:.0f} s"} if "training_seconds" in result else {}),
        }
        for result in results
    ]
    show_table("Test", rows)
