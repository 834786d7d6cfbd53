"""Two ways to do one job are measured in turns on the same machine; a goal says what the ratio should reach."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, median
from typing import Literal

from gcm.study.speed.numbers import seconds

Job = Callable[[], object]
Amount = Callable[[], float]
"""A job that is done once and returns what it took."""
Unit = Literal["s", "MiB"]
LEAST = 0.3
"""The least seconds that a job is timed for."""


class LeftOutError(Exception):
    """A row, or the rest of it, cannot be measured here; the message says why."""


@dataclass(frozen=True)
class Goal:
    """The ratio that a row of the benchmark has to reach.

    Attributes:
        ratio: the ratio to be reached.
        faster: True: the other must take at least `ratio` times as much as we do; False: we at most `ratio` times as
            much as the other.
    """

    ratio: float
    faster: bool

    def __str__(self) -> str:
        return f"{'>=' if self.faster else '<='} {self.ratio:g}"

    def reached(self, ratio: float) -> bool:
        return ratio >= self.ratio if self.faster else ratio <= self.ratio


def at_least(ratio: float) -> Goal:
    return Goal(ratio, faster=True)


def at_most(ratio: float) -> Goal:
    return Goal(ratio, faster=False)


def timed(job: Job) -> Amount:
    """Return a job's seconds; of a short job the mean of several runs."""

    def mean_seconds() -> float:
        times = [seconds(job)]
        while sum(times) < LEAST:
            times.append(seconds(job))
        return fmean(times)

    return mean_seconds


@dataclass(frozen=True)
class Comparison:
    """A comparison of our job with others'.

    Attributes:
        what: our job.
        against: whom or what it is compared with.
        ours, others: each does the job once and returns what it took.
        goal: None where the ratio, others / ours, is only stated.
        unit: unit of the amounts.
        note: further remarks, such as the error of the maps.
    """

    what: str
    against: str
    ours: Amount
    others: Amount
    goal: Goal | None
    unit: Unit = "s"
    note: str = ""


@dataclass(frozen=True)
class Result:
    """The result of a comparison.

    Attributes:
        row: name of the row.
        what, against, goal, unit, note: as in the comparison.
        ratio: median over the rounds, by the sense of the goal; `low` and `high` are the smallest and the largest.
        ours, others: medians of the amounts.
    """

    row: str
    what: str
    against: str
    goal: Goal | None
    unit: Unit
    note: str
    ratio: float
    low: float
    high: float
    ours: float
    others: float
    rounds: int

    @property
    def reached(self) -> bool | None:
        return None if self.goal is None else self.goal.reached(self.ratio)


def measured_in_turns(row: str, comparison: Comparison, rounds: int) -> Result:
    """Measure both in turns, so that both see the same machine, after one warm-up of each."""
    comparison.ours()
    comparison.others()
    pairs = [(comparison.ours(), comparison.others()) for _ in range(rounds)]
    goal = comparison.goal
    slower = goal is not None and not goal.faster
    ratios = [ours / others if slower else others / ours for ours, others in pairs]
    ours, others = (median(amounts) for amounts in zip(*pairs, strict=True))
    return Result(
        row=row,
        what=comparison.what,
        against=comparison.against,
        goal=goal,
        unit=comparison.unit,
        note=comparison.note,
        ratio=median(ratios),
        low=min(ratios),
        high=max(ratios),
        ours=ours,
        others=others,
        rounds=rounds,
    )
