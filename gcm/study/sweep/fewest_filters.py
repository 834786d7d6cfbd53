"""The sweep `fewest_filters` tells how few filters are enough (filter-contribution paper, section 2)."""

from collections.abc import Mapping, Sequence
from typing import Any

RESULT = "fewest_filters"
"""The `runs.csv` of the sweep of this name."""
NOT_RUN = "no result; copy the runs.csv of sweep=fewest_filters to gcm/zoo/results/fewest_filters.csv"
CLAIMED = 0.98


def filters_of(group: str) -> str:
    """Return `[3,3]` of `tiny_lenet_mnist model.filters=[3,3]`."""
    return group.rpartition("=")[2]


def accuracies(runs: Sequence[Mapping[str, Any]], filters: str) -> list[float]:
    return [float(run["test_accuracy"]) for run in runs if filters_of(run["group"]) == filters]
