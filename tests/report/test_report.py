"""The report: on small networks everything in it is made; without them it says first what is missing."""

import base64
import re

import pytest
import torch
from sample import ROOT

from gcm.atomic_write import markdown_table
from gcm.error import InputError
from gcm.metric import Decline, DeclineRatio
from gcm.report.card import card_page
from gcm.report.evidence import Evidence
from gcm.report.page import html_page, rendered
from gcm.report.readme import texts_by_mark, with_summaries
from gcm.report.section import missing_lines, sections
from gcm.report.section.decline_ratio import decline_ratio_on
from gcm.report.section.faithfulness import faithfulness_on
from gcm.report.section.paper_comparison import REFERENCE, paper_comparison
from gcm.report.selection import certain_and_uncertain, first_right, first_right_of_each_class, first_wrong
from gcm.study.decline_ratio.numbers import DeclineRatioCell
from gcm.study.decline_ratio.table import decline_ratio_text
from gcm.study.uncertainty.table import UNCERTAINTY_MEANING, Findings, write_uncertainty
from gcm.zoo import cards


def page(made):
    return rendered(
        "report.md.j2",
        command="c",
        date="d",
        machine="m",
        versions="v",
        sections=made,
        missing=missing_lines(made),
    )


@pytest.mark.slow
def test_a_report_has_every_section_and_its_page_needs_no_other_file(evidence, tmp_path):
    evidence.results = tmp_path / "none"
    made = [section(evidence) for section in sections()]
    markdown = page(made)
    for picture in re.findall(r"!\[[^]]*\]\(([^)]*)\)", markdown):
        assert (tmp_path / picture).is_file()
    for number in (2, 4, 7, 8, 9, 10):
        assert list(tmp_path.glob(f"figure_{number}*.png")), number
    html = html_page(markdown, "title", tmp_path)
    assert html.count("data:image/png;base64,") == markdown.count("![")
    assert not re.search(r"(src|href)=\"(?!data:|#)", html)
    assert "<script>" not in html
    assert "<table>" in html
    known = texts_by_mark(made)
    for page_of_results in ("README.md", "docs/results.md"):
        marks = re.findall(r"<!-- end of (\w+) -->", (ROOT / page_of_results).read_text())
        assert {mark for mark in marks if not mark.startswith("faithfulness")} <= set(known)
    for _, lack in [pair for section in made for pair in section.missing]:
        assert "svhn" in lack.what or "fashion" in lack.what or lack.reason.startswith("no result; copy the ")


def test_every_section_says_its_place_and_no_two_the_same(monkeypatch):
    from gcm.report import section

    folder = ROOT / "gcm/report/section"
    files = [path.stem for path in folder.glob("*.py") if path.stem not in ("__init__", "base")]
    makers = [getattr(maker, "func", maker) for maker in sections()]
    assert {maker.__module__ for maker in makers} == {f"gcm.report.section.{name}" for name in files}
    assert [maker.__module__.rpartition(".")[2] for maker in (makers[0], makers[-1])] == [
        "paper_comparison",
        "paper_claims",
    ]
    monkeypatch.setattr("gcm.report.section.conservation.SECTIONS", {10: makers[0]})
    with pytest.raises(ValueError, match=r"paper_comparison has places in the report that others have: \[10\]"):
        section.sections()


def test_what_is_measured_once_is_not_measured_again(evidence):
    measured = []
    for _ in range(2):
        assert evidence.once("key", lambda: measured.append(1) or len(measured)) == 1
    assert evidence.once("another", lambda: 5) == 5
    assert evidence.logits("gcm_digits") is evidence.logits("gcm_digits")


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
    made = [section(bare) for section in sections()]
    assert all("issing" in section.body or "not testable" in section.body for section in made)
    markdown = page(made)
    assert markdown.index("## Missing") < markdown.index(f"## {made[0].title}")
    without_data = Evidence(evidence.networks, {}, {"cifar10": "no disk", "mnist": "no", "digits": "no", "planted": "no"}, {}, {}, DeclineRatio, evidence.directory, evidence.device)  # fmt: skip
    without = page([section(without_data) for section in sections()])
    assert without.count("no disk: cifar10. Not here therefore, or not in full: Decline ratio on CIFAR-10; ") == 1
    assert without.count("no disk") == 1


def test_a_reason_is_said_once_however_much_it_keeps_away(evidence):
    nothing = ({}, {}, {}, {}, {}, DeclineRatio, evidence.directory, torch.device("cpu"))
    made = [section(Evidence(*nothing, results=evidence.directory / "none")) for section in sections()]
    markdown = page(made)
    pairs = [pair for section in made for pair in section.missing]
    assert len(pairs) > 40
    for name, lack in pairs:
        assert markdown.count(f"- {lack.reason}") == 1
        assert markdown.count(lack.reason) == 1, lack.reason
        (line,) = [line for line in markdown.splitlines() if line.startswith(f"- {lack.reason}")]
        assert name in line
        assert lack.what in line


def test_the_contents_lead_to_every_section_and_nowhere_else(evidence, tmp_path):
    nothing = ({}, {}, {}, {}, {}, DeclineRatio, evidence.directory, torch.device("cpu"))
    made = [section(Evidence(*nothing, results=tmp_path / "none")) for section in sections()]
    html = html_page(page(made), "title", tmp_path)
    anchors = re.findall(r'<h2 id="([^"]*)">', html)
    links = [link.removeprefix("#") for link in re.findall(r'href="([^"]*)"', html)]
    assert len(set(anchors)) == len(anchors) == len(made) + 2
    assert anchors[0] == "contents"
    assert links[: len(anchors) - 1] == anchors[1:]
    assert set(links) == set(anchors[1:])
    assert 'href="' not in html_page("[x](https://evil.example) [y](/etc/passwd)", "title", tmp_path)


def test_legends_stand_above_their_table(evidence, tmp_path):
    bodies = {section(evidence).title: section(evidence).body for section in (sections()[1], sections()[15])}
    for body in bodies.values():
        table = body.index("| --- |")
        for legend in re.finditer(r"^- .*|^Each cell.*|^Starred.*|Decline ratio = .*", body, re.MULTILINE):
            assert legend.start() < table, legend[0]
    write_uncertainty(Findings([], [], []), [], tmp_path)
    text = (tmp_path / "uncertainty.md").read_text()
    assert all(
        text.index(meaning) < text.index("|", text.index(f"## {name}")) for name, meaning in UNCERTAINTY_MEANING.items()
    )


def test_a_reason_of_many_numbers_is_said_once_in_a_table():
    found = Decline(0.9, 0.8, -0.57, -0.6, -0.5, 0.9, 100)
    cells = [
        DeclineRatioCell("net", f"cam_{number}", rendering, None, "it needs pooling")
        for number in range(25)
        for rendering in ("raw", "blend")
    ]
    cells += [DeclineRatioCell("net", name, "raw", found, "it must") for name in ("gcm", "uniform")]
    text = decline_ratio_text(cells)
    assert text.count("it needs pooling") == text.count("it must") == 1
    assert "- n/a cam_0 on net, cam_1 on net, " in text
    assert "- gcm x raw, uniform x raw: it must" in text
    assert not re.search(r"\| [-+] \d", text)
    assert "| -0.5700* [-0.6000, -0.5000]" in text


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


def test_a_readme_s_tables_are_lines_of_the_results(evidence):
    made = [paper_comparison(evidence), decline_ratio_on("cifar10", ("gcm", "gcm_clipped", "cnn"), evidence)]
    texts = texts_by_mark(made)
    assert set(texts) == {"accuracy", "accuracy_headline", "decline_ratio_cifar10", "decline_ratio_cifar10_headline"}
    whole, short = (texts[name].splitlines() for name in ("decline_ratio_cifar10", "decline_ratio_cifar10_headline"))
    named = [tuple(line.split(" | ")[:2]) for line in short[2:]]
    assert set(short) < set(whole)
    assert named == [("| gcm_cifar10", "gcm"), *(("| cnn_cifar10", name) for name in ("cam", "guided_backprop", "uniform", "guided_grad_cam", "grad_cam", "grad_cam_rectified"))]  # fmt: skip
    whole, short = (texts[name].splitlines() for name in ("accuracy", "accuracy_headline"))
    assert len(short) == 2 + 6
    assert all(any(line.startswith(row.rstrip(" |")) for line in whole) for row in short[2:])


def test_the_faithfulness_in_the_results_is_that_of_the_shipped_files(evidence):
    results = (ROOT / "docs" / "results.md").read_text()
    texts = texts_by_mark([faithfulness_on(data, evidence) for data in ("planted", "mnist", "cifar10")])
    assert len(texts) == 3
    for mark, text in texts.items():
        assert f"<!-- {mark} -->\n{text}<!-- end of {mark} -->" in results


def test_the_report_fills_every_file_that_is_named(train_py, tmp_path):
    (tmp_path / "a.md").write_text("no marks")
    finished = train_py("task=report", "task.readme=[a.md,b.md]", "output=report")
    assert finished.error == "task.readme=b.md: no such file"


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
    experiments = [{"lab_cnn_mnist": "lab"}.get(name, name) for name in REFERENCE]
    assert all((ROOT / "configs" / "experiment" / f"{name}.yaml").is_file() for name in experiments)
    assert set(cards()) <= set(REFERENCE)
