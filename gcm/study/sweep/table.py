"""The results of a sweep's jobs become tables: seeds of one training stand together."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

NAMED_ALREADY = ("seed=", "model=", "data=")
MEASURED = ("val_accuracy", "test_accuracy", "test_loss")
KEPT = ("network", "seed", "parameters", "epochs", "steps", *MEASURED, "test_images", "training_seconds", "machine")


def run_rows(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each job, with the group it belongs to."""
    return [
        {"group": group, **{name: member.get(name, "") for name in KEPT}}
        for group, members in grouped(results).items()
        for member in members
    ]


def grouped(results: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the results by network and by those overrides that differ between jobs, the seed aside."""
    common = set.intersection(*(set(result["overrides"]) for result in results))
    groups = defaultdict(list)
    for result in results:
        own = [override for override in result["overrides"] if override not in common]
        settings = [override for override in own if not override.startswith(NAMED_ALREADY)]
        groups[" ".join([result["network"], *settings])].append(result)
    return dict(groups)


def by_group(runs: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the rows of `run_rows`, those of a group together."""
    groups = defaultdict(list)
    for run in runs:
        groups[run["group"]].append(run)
    return dict(groups)


def summary_rows(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each group of `run_rows`: mean and standard deviation over its seeds."""
    return [summary_row(group, members) for group, members in by_group(runs).items()]


def summary_row(group: str, members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {"group": group, "n": len(members), "parameters": int(members[0]["parameters"])}
    for name in MEASURED:
        values = [float(member[name]) for member in members if member.get(name, "") != ""]
        if values:
            row[name] = mean(values)
            row[f"{name} s.d."] = stdev(values) if len(values) > 1 else ""
    return row


def rounded_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: f"{value:.4f}" if isinstance(value, float) else value for name, value in row.items()}
