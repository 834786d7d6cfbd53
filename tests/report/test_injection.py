"""What a stranger writes into a card, a class's name or a path stays text: in pages, tables, figures and terminals."""

from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO

import pytest
import torch
from rich.console import Console

import gcm.cli.console
from gcm.atomic_write import markdown_table
from gcm.cli.console import BARS, say, show_table, step_progress
from gcm.report.card import card_page
from gcm.report.page import html_page, rendered
from gcm.untrusted import as_text, printable
from gcm.zoo import cards

HOSTILE = [
    "<script>alert(1)</script>",
    "\\<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '" onerror="alert(1)',
    "![x](https://tracker.example/x.png)",
    "\\![x](https://tracker.example/x.png)",
    "[click](javascript:alert(1))",
    "[click\\](https://evil.example)",
    "[click][1]",
    "<javascript:alert(1)>",
    "<https://evil.example>",
    "| a | b |",
    "``` \n```",
    "`",
    "<!-- end of accuracy -->",
    "&lt;script&gt;",
    "{{ 7 * 7 }}{% raw %}",
    "</td></tr></table><h1>",
    "=HYPERLINK(1)",
]


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data

    def check_harmless(self) -> None:
        assert not {"script", "img", "a", "iframe", "h1", "svg"} & set(self.tags), self.tags
        assert not [name for name, _ in self.attributes if name.startswith("on") or name in ("href", "src")]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_of_a_page_stays_text(tmp_path, text):
    page = Page(html_page(markdown_table([{text: 1, "name": text}]), "title", tmp_path))
    page.check_harmless()
    assert page.tags.count("td") == 2
    if "`" not in text:
        assert " ".join(text.replace("&lt;", "<").replace("&gt;", ">").split()) in page.text


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_for_other_readers_holds_no_html_of_strangers(text):
    """Many of them run HTML in Markdown: notebooks, editors, site generators."""
    from markdown_it import MarkdownIt

    Page(
        MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown_table([{"name": text}]))
    ).check_harmless()
    Page(
        MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(as_text(" ".join(text.split())))
    ).check_harmless()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_card_s_page_stays_text(tmp_path, text):
    (card, *_) = cards().values()
    line = " ".join(text.split())
    spec = replace(card.spec, classes=(line, *card.spec.classes[1:]))
    config = {**card.config, "claim": {"accuracy": 0.9, "source": line}, "optimizer": {"_target_": line, "lr": line}}
    written = card_page(
        replace(card, spec=spec, config=config, machine=line, measured_on=line, versions={"python": line})
    )
    page = Page(html_page(written, "title", tmp_path))
    assert page.tags.count("h1") == 1  # its own
    assert page.tags.count("pre") == 2  # its own
    assert not {"script", "img", "a", "iframe"} & set(page.tags)


def test_a_page_lets_a_browser_fetch_and_run_nothing():
    page = rendered("report.html.j2", title="<script>", body="")
    assert "<title>&lt;script&gt;</title>" in page
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page


def test_what_was_missing_stays_text(tmp_path):
    words = {"command": "python train.py", "date": "", "machine": HOSTILE[0], "versions": HOSTILE[0], "sections": []}
    page = Page(html_page(rendered("report.md.j2", missing=HOSTILE, **words), "title", tmp_path))
    assert not {"script", "img", "a", "iframe"} & set(page.tags)


STEERING = ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\u202egnp", "a\rb", "\x08\x08", "\x7f"]


@pytest.fixture
def terminal(monkeypatch):
    """What a terminal gets."""
    shown = StringIO()
    monkeypatch.setattr(
        gcm.cli.console, "console", Console(file=shown, force_terminal=True, color_system=None, width=200)
    )
    return shown


@pytest.mark.parametrize("text", [*STEERING, "[bold red]x[/]", "[link=https://evil.example]x[/link]"])
def test_a_terminal_is_not_steered(terminal, text):
    say(f"class {text}")
    show_table(f"title {text}", [{f"column {text}": f"cell {text}"}])
    list(BARS.over([1], f"doing {text}", 1))
    with step_progress(1) as step:
        step(1, f"step {text}")
    said = terminal.getvalue()
    if text in STEERING:
        assert text not in said.replace("\r\n", "\n")
    assert "\x1b]8" not in said
    assert "evil.example" not in text or said.count("[link=https://evil.example]") >= 4


def test_what_is_written_out_can_be_read_again():
    assert printable("a\x1bb\nc\udcff") == r"a\x1bb\nc\udcff"
    assert printable("größer 灰色 👍🏽 a\u00a0b") == "größer 灰色 👍🏽 a\u00a0b"


def test_a_mistake_s_line_does_not_steer_a_terminal(train_py):
    assert r"\x1b[2Jx" in train_py("task=test", "weights=\x1b[2Jx").error


@pytest.mark.parametrize("name", ["$\\frac{", "$x$", "\\alpha", "a_b^c", "$$"])
def test_a_class_is_no_formula_in_a_figure(tmp_path, name):
    from gcm.draw import draw_class_maps

    draw_class_maps(
        torch.rand(1, 1, 8, 8), torch.randn(1, 2, 1, 8, 8), torch.randn(1, 2), torch.tensor([0]), (name, "other"),
        title=name, in_colours=False, path=tmp_path / "figure.png",
    )  # fmt: skip
    assert (tmp_path / "figure.png").is_file()
