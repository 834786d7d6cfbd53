"""Two computations are compared by the time that they take."""

import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import torch


class Ratio(NamedTuple):
    """The median, smallest and largest ratio of times over the rounds."""

    median: float
    low: float
    high: float
    rounds: int


def time_ratio(first: Callable[[], object], second: Callable[[], object], rounds: int = 9) -> Ratio:
    """Return the time of `first` over that of `second`, in turns after a warm-up, so that both see the same machine."""
    for _ in range(2):
        first()
        second()
    ratios = [seconds(first) / seconds(second) for _ in range(rounds)]
    return Ratio(median(ratios), min(ratios), max(ratios), rounds)


def seconds(action: Callable[[], object]) -> float:
    wait_for_device()
    began = time.perf_counter()
    action()
    wait_for_device()
    return time.perf_counter() - began


def wait_for_device() -> None:
    """Wait for a GPU, which works on after the call that started it has returned."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
