"""The README's tables are rows of the results' tables, cell by cell, and both are at marks that the report fills."""

import re

import pytest
from pages import DOCS, PAGES
from sample import ROOT

from gcm.report.section.paper_comparison import network_row
from gcm.zoo import cards

README, RESULTS = PAGES[ROOT / "README.md"], PAGES[DOCS / "results.md"]


def tables(text):
    """By mark: rows, each a cell by its column."""
    return {
        mark: rows(table) for mark, table in re.findall(r"<!-- (\w+) -->\n(.*?)<!-- end of \1 -->", text, re.DOTALL)
    }


def rows(table):
    header, _, *lines = [re.split(r"(?<!\\)\|", line.strip())[1:-1] for line in table.splitlines()]
    return [{column.strip(): cell.strip() for column, cell in zip(header, line, strict=True)} for line in lines]


@pytest.mark.parametrize("mark", tables(README))
def test_the_readme_shows_rows_of_the_results(mark):
    shown, whole = tables(README)[mark], tables(RESULTS)[mark.removesuffix("_headline")]
    assert mark.endswith("_headline")
    assert len(shown) < len(whole)
    for row in shown:
        assert row.items() <= next(other.items() for other in whole if row.items() <= other.items())


def test_the_results_say_what_the_cards_say():
    found = {row["network"]: row for row in tables(RESULTS)["accuracy"]}
    for card in cards().values():
        assert found[card.name] == {column: str(cell).strip() for column, cell in network_row(card).items()}


def test_every_visualizer_of_the_paper_is_in_the_readme():
    shown = {row["visualizer"] for row in tables(README)["decline_ratio_cifar10_headline"]}
    config = (ROOT / "configs" / "visualizer" / "paper.yaml").read_text()
    assert shown == set(re.findall(r"- (\w+)", config))
