"""The faithfulness table: means, comparisons image by image, and the way to a CSV and back."""

import csv
import math
import re

import pytest
import torch

from gcm.study.faithfulness.cells import CellValues, Column, Row, cells_of
from gcm.study.faithfulness.table import Origin, cell_in, faithfulness_text, origin_in, wide_rows, write_faithfulness

OWN = Row("gcm", "own", "by design")
OTHER = Row("cnn", "other", "post-hoc")
ORIGIN = Origin("digits", "gcm_digits_seed0_0123456789ab", "own", "a machine")
HIGH, LOW = Column("high", True, "large is good"), Column("low", False, "small is good")


def found(values, row=OTHER, column=HIGH, reason=""):
    return CellValues(row, column, None if values is None else torch.tensor(values, dtype=torch.float64), reason)


VALUES = [[0.1, 0.5, 0.9, 0.3]]
MORE = [[0.2, 0.6, 1.0, 0.41]]
MIXED = [[0.2, 0.4, 1.0, 0.2]]


def test_cells_are_compared_image_by_image():
    cells = cells_of(
        [found(VALUES, OWN), found(MORE), found(MIXED), found([[0.2, 0.6]]), found(None),
         found(VALUES, OWN, LOW), found(MORE, column=LOW), found([[0.0, 0.4, 0.8, 0.1]], column=LOW)],
        "own",
    )  # fmt: skip
    assert [cell.compared for cell in cells] == ["", "better", "", "better", "", "", "worse", "better"]
    assert cells[1].difference.mean == pytest.approx(0.1025)
    assert cells[1].difference.n == 4
    assert cells[3].difference.n == 2  # the images that both saw
    assert cells[4].difference is None


def test_seeds_are_averaged_image_by_image():
    one, two = cells_of([found(VALUES), found([[0.0, 1.0, 2.0], [2.0, 3.0, 4.0]])], "own")
    assert (two.measured.mean, two.measured.n, two.seeds) == (2, 3, 2)
    assert two.seed_deviation == pytest.approx(2**0.5)
    assert math.isnan(one.seed_deviation)


def test_only_a_networks_own_maps_are_the_reference():
    control = Row("gcm", "own", "control")
    assert cells_of([found(VALUES, control), found(MORE)], "own")[1].difference is None
    assert cells_of([found(VALUES, OWN), found(MORE)], "another")[1].difference is None


def test_what_is_certain_is_not_compared():
    certain, other = cells_of([found(VALUES, OWN, reason="it must"), found(MORE)], "own")
    assert certain.difference is other.difference is None
    own, certain = cells_of([found(VALUES, OWN), found(MORE, reason="it must")], "own")
    assert own.difference.mean == 0
    assert certain.difference is None


def test_a_table_goes_to_csv_and_back(tmp_path):
    cells = cells_of(
        [found(VALUES, OWN, reason="it must"), found(MORE), found(None, reason="does not fit"),
         found(MIXED * 2, OWN, LOW), found([[0.5]], column=LOW)],
        "own",
    )  # fmt: skip
    write_faithfulness(cells, ORIGIN, "A table", tmp_path)
    with (tmp_path / "faithfulness.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {origin_in(row) for row in rows} == {ORIGIN}
    again = [cell_in(row) for row in rows]
    assert list(map(repr, again)) == list(map(repr, cells))  # NaN equals nothing


def test_text():
    rows = [Row("gcm", "own", "by design"), Row("cnn", "fits", "post-hoc"), Row("cnn", "does not", "post-hoc")]
    signed = faithfulness_text(cells_of([found(VALUES * 2, OWN), found(MORE * 2)], "own"), ORIGIN)
    assert re.search(r"\| cnn \| other \| post-hoc \| 0\.552 ± [^|]*, better \|", signed)
    assert "(seeds: 0.000), better |" in signed
    assert "`better`, `worse`: image by image" in signed
    cells = cells_of(
        [found(VALUES, rows[0], reason="it must"), found(MORE, rows[1]), found(None, rows[2], reason="no CAM"),
         found(None, rows[0], LOW, "no places"), found(None, rows[1], LOW, "no places"),
         found(None, rows[2], LOW, "no CAM")],
        "own",
    )  # fmt: skip
    text = faithfulness_text(cells, ORIGIN)
    lines = text[text.index("| network") :].splitlines()
    assert lines[0] == "| network | visualizer | kind | high ↑ |"
    assert lines[2].startswith("| gcm | own | by design | 0.450* ± ")
    assert lines[3].startswith("| cnn | fits | post-hoc | 0.552 ± ")
    assert "`worse`" not in text  # what is certain is not compared
    assert "- `high`: large is good. n = 4." in text
    assert "- `*` own x high: it must" in text
    assert "- n/a does not on cnn: no CAM" in text
    assert "- n/a low of own on gcm, fits on cnn: no places" in text
    assert [row["visualizer"] for row in wide_rows(cells, lambda cell: "")] == ["own", "fits"]
