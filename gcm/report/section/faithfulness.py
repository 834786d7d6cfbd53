"""The faithfulness table, from results that were measured once."""

from functools import partial

from gcm.atomic_write import markdown_table
from gcm.report.evidence import Evidence, Lack
from gcm.report.section.base import Section, figure, missing_section
from gcm.study.faithfulness.figure import draw_faithfulness
from gcm.study.faithfulness.table import cell_in, faithfulness_text, origin_in, short, wide_rows

NAMES = {
    "planted": "planted shapes",
    "mnist": "MNIST",
    "cifar10": "CIFAR-10",
    "noise_masks": "MNIST, noise masks beside others",
}


def faithfulness_on(data: str, evidence: Evidence) -> Section:
    title = f"Faithfulness on {NAMES[data]}"
    name = f"faithfulness_{data}"
    rows = evidence.result(name)
    if not rows:
        return missing_section(title, Lack(name, "no result; copy the faithfulness.csv of task=faithfulness to it"))
    cells = [cell_in(row) for row in rows]
    path = evidence.directory / f"{name}.png"
    draw_faithfulness(cells, title, path)
    body = f"{faithfulness_text(cells, origin_in(rows[0]))}\n{figure(path, title, 'task=faithfulness visualizer=all')}"
    return Section(title, body, key=name, summary=markdown_table(wide_rows(cells, short)))


SECTIONS = {60 + place: partial(faithfulness_on, data) for place, data in enumerate(NAMES)}
