"""The report: on small networks everything in it is made; without them it says first what is missing."""

import base64
import re

import pytest
import torch
from sample import ROOT

from gcm.error import InputError
from gcm.file import markdown_table
from gcm.metric import DeclineRatio
from gcm.report.card import card_page
from gcm.report.evidence import PLANNED, Evidence
from gcm.report.page import html_page, rendered
from gcm.report.readme import with_summaries
from gcm.report.section import SECTIONS
from gcm.report.section.paper_comparison import network_row
from gcm.report.selection import certain_and_uncertain, first_right, first_right_of_each_class, first_wrong
from gcm.zoo import cards


def page(sections):
    return rendered(
        "report.md.j2",
        command="c",
        date="d",
        machine="m",
        versions="v",
        sections=sections,
        missing=[line for section in sections for line in section.missing],
    )


@pytest.mark.slow
def test_a_report_has_every_section_and_its_page_needs_no_other_file(evidence, tmp_path):
    evidence.results = tmp_path / "none"
    sections = [section(evidence) for section in SECTIONS]
    markdown = page(sections)
    for picture in re.findall(r"!\[[^]]*\]\(([^)]*)\)", markdown):
        assert (tmp_path / picture).is_file()
    for number in (2, 4, 7, 8, 9, 10):
        assert list(tmp_path.glob(f"figure_{number}*.png")), number
    html = html_page(markdown, "title", tmp_path)
    assert html.count("data:image/png;base64,") == markdown.count("![")
    assert not re.search(r"(src|href)=\"(?!data:)", html)
    assert "<script>" not in html
    assert "<table>" in html
    about_data_we_lack = {
        line
        for section in sections
        for line in section.missing
        if "svhn" in line or "fashion" in line.lower() or ": no result; copy the " in line
    }
    assert about_data_we_lack == {line for section in sections for line in section.missing}


def test_a_strangers_text_brings_no_file_into_the_page(tmp_path):
    (tmp_path / "own.png").write_bytes(b"own")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    rows = [{"command": "x ![a](secret.txt) | <script>"}]
    text = f"![a](own.png) ![b](/etc/hostname) ![c](secret.txt) ![d](http://h/x.png)\n\n{markdown_table(rows)}"
    html = html_page(text, "t", tmp_path)
    embedded = [base64.b64decode(part) for part in re.findall(r'base64,([^"]*)"', html)]
    assert embedded == [b"own", b"", b"", b""]
    assert "<script>" not in html
    assert "http://h" not in html


def test_what_is_missing_comes_first(evidence):
    nothing = ({}, {}, {}, {}, {}, DeclineRatio, evidence.directory, torch.device("cpu"))
    bare = Evidence(*nothing, results=evidence.directory / "none")
    sections = [section(bare) for section in SECTIONS]
    assert all("issing" in section.body or "not testable" in section.body for section in sections)
    markdown = page(sections)
    assert markdown.index("## Missing") < markdown.index(f"## {sections[0].title}")
    without_data = Evidence(evidence.networks, {}, {"cifar10": "no disk", "mnist": "no", "digits": "no", "planted": "no"}, {}, {}, DeclineRatio, evidence.directory, evidence.device)  # fmt: skip
    assert "cifar10: no disk" in page([section(without_data) for section in SECTIONS])


def test_images_are_chosen_by_rule():
    logits = torch.tensor([[9.0, 0], [0, 1], [3, 0], [0, 5], [4, 0]])
    labels = torch.tensor([0, 1, 1, 1, 0])
    right = logits.argmax(1) == labels
    assert first_right(right, 2).tolist() == [0, 1]
    assert first_wrong(right, 2).tolist() == [2]
    assert certain_and_uncertain(logits, right).tolist() == [0, 1]
    assert first_right_of_each_class(right, labels, 2, count=2).tolist() == [0, 4, 1, 3]


def test_a_readme_gets_its_tables_between_the_marks():
    text = "a\n<!-- accuracy -->\nold\n<!-- end of accuracy -->\nb\n"
    assert with_summaries(text, {"accuracy": "new\n"}) == text.replace("old", "new")
    for wrong in ("no mark", text.replace("accuracy", "accuracies"), "<!-- end of accuracy -->"):
        with pytest.raises(InputError, match="<!-- "):
            with_summaries(wrong, {"accuracy": "new"})


def test_the_readme_says_what_the_cards_say():
    rows = [network_row(card) for card in cards().values()]
    readme = (ROOT / "README.md").read_text()
    assert all(f"| {row['network']} | {row['paper']} | {row['test accuracy']} |" in readme for row in rows)


def test_a_card_page_says_where_the_network_comes_from(evidence):
    text = card_page(evidence.card("gcm_cifar10"))
    assert "55.00% ± 7.07" in text
    assert "the paper: 10.00% (somewhere)" in text
    assert "`python train.py experiment=gcm_cifar10`" in text
    assert "secret" not in text


def test_the_task_reports_on_shipped_networks(train_py, tmp_path):
    finished = train_py("task=report", "weights=[gcm_digits,cnn_digits]", "visualizer=[gcm,cam]", "output=report")
    assert finished.code == 0, finished.err
    text = (tmp_path / "report" / "report.md").read_text()
    assert "## Missing" in text
    assert "| gcm_digits | gcm | 99." in text
    assert (tmp_path / "report" / "report.html").is_file()


def test_what_is_planned_has_an_experiment_and_what_is_shipped_is_planned():
    experiments = [{"lab_cnn_mnist": "lab"}.get(name, name) for name in PLANNED]
    assert all((ROOT / "configs" / "experiment" / f"{name}.yaml").is_file() for name in experiments)
    assert set(cards()) <= set(PLANNED)
