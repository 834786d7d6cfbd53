"""Few filters reach the accuracy (filter-contribution paper, section 2)."""

from gcm.atomic_write import markdown_table
from gcm.report.evidence import Evidence, Lack
from gcm.report.section.base import Section, figure, missing_section
from gcm.study.sweep.fewest_filters import CLAIMED, NOT_RUN, RESULT, filters_of
from gcm.study.sweep.figure import draw_accuracy_and_size
from gcm.study.sweep.table import by_group, summary_rows


def fewest_filters(evidence: Evidence) -> Section:
    title = "How few filters are enough"
    runs = evidence.result(RESULT)
    if not runs:
        return missing_section(title, Lack(RESULT, NOT_RUN))
    rows = summary_rows(runs)
    path = evidence.directory / "fewest_filters.png"
    caption = (
        "LeNet on MNIST with so many filters in its two layers: test accuracy of every seed, and their mean, against "
        "the number of parameters"
    )
    named = {filters_of(group): members for group, members in by_group(runs).items()}
    draw_accuracy_and_size(named, CLAIMED, "accuracy and size", path)
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
        title,
        "Filters in the two layers; s.d.: standard deviation of the test accuracy over seeds, in points.\n\n"
        f"{markdown_table(table)}\nMachine: {machines}.\n\n{figure(path, caption, f'sweep={RESULT}')}",
    )


SECTIONS = {42: fewest_filters}
