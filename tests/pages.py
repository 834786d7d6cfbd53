"""The README and the documentation's pages, as tests read them: their commands, code, links and prose."""

import json
import re
import shlex
from pathlib import Path

from sample import ROOT

DOCS = ROOT / "docs"
TUTORIALS = sorted((DOCS / "tutorial").glob("*.ipynb"))


def cells(notebook: Path, kind: str) -> list[str]:
    """The sources of a notebook's cells of one kind, `markdown` or `code`."""
    return ["".join(cell["source"]) for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == kind]


PAGES: dict[Path, str] = {
    **{path: path.read_text() for path in (ROOT / "README.md", *sorted(DOCS.glob("*.md")))},
    **{path: "\n\n".join(cells(path, "markdown")) for path in TUTORIALS},
}
"""The Markdown of each page."""


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(text: str) -> list[list[str]]:
    """The words behind `python train.py` or `gcm`, line by line, without comments."""
    lines = re.findall(r"^(?:python train\.py|gcm) (.*)", text.replace("\\\n", " "), re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


def prose(text: str) -> str:
    """What a reader reads as sentences: no code, no tables, no headings, no pictures, no comments."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->|^(?:\||#).*$|!\[[^]]*\]\([^)]*\)", "", text, flags=re.MULTILINE)
    return re.sub(r"`[^`]*`", "", text)


def links(text: str) -> list[str]:
    """Where links and pictures lead, without those to other places of the network."""
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    return [target for target in targets if "://" not in target]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings."""
    titles = re.findall(r"^#+ (.*)", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
