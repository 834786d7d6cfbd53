"""How few filters reach the accuracy (filter-contribution paper, section 2)."""

from collections.abc import Mapping, Sequence
from typing import Any

from gcm.draw import draw_accuracy_and_size
from gcm.file import markdown_table
from gcm.report.evidence import Evidence
from gcm.report.section.base import Section, figure, missing_section
from gcm.report.sweep import summary_rows

RESULT = "fewest_filters"
"""The `runs.csv` of the sweep of this name."""
NOT_RUN = "the sweep has not been run"
CLAIMED = 0.98


def fewest_filters(evidence: Evidence) -> Section:
    title = "How few filters are enough"
    runs = evidence.result(RESULT)
    if not runs:
        return missing_section(title, f"{RESULT}: {NOT_RUN}")
    rows = summary_rows(runs)
    path = evidence.directory / "fewest_filters.png"
    caption = (
        "LeNet on MNIST with so many filters in its two layers: test accuracy, mean ± standard deviation over seeds, "
        "against the number of parameters"
    )
    draw_accuracy_and_size(rows, [filters_of(row["group"]) for row in rows], CLAIMED, "accuracy and size", path)
    table = [
        {
            "filters": filters_of(row["group"]),
            "parameters": f"{row['parameters']:,}",
            "test accuracy": f"{row['test_accuracy']:.2%}",
            "s.d.": f"{100 * row['test_accuracy s.d.']:.2f}" if row["n"] > 1 else "",
            "seeds": row["n"],
            "each seed": ", ".join(
                f"{float(run['test_accuracy']):.2%}" for run in runs if run["group"] == row["group"]
            ),
        }
        for row in rows
    ]
    machines = ", ".join(dict.fromkeys(run["machine"] for run in runs))
    return Section(
        title, f"{markdown_table(table)}\nMachine: {machines}.\n\n{figure(path, caption, f'sweep={RESULT}')}"
    )


def filters_of(group: str) -> str:
    """`[3,3]` of `tiny_lenet_mnist model.filters=[3,3]`."""
    return group.rpartition("=")[2]


def accuracies(runs: Sequence[Mapping[str, Any]], filters: str) -> list[float]:
    return [float(run["test_accuracy"]) for run in runs if filters_of(run["group"]) == filters]
