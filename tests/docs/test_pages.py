"""What the README and the documentation show is true: links lead somewhere, code runs, commands are understood."""

import re

import pytest
from hydra import initialize_config_dir
from pages import DOCS, PAGES, anchors, blocks, commands, links
from sample import ROOT

from gcm.cli.compose import composed

PLACES = {"RUN": "gcm_digits", "DIR": "some/where"}
"""What stands for names that a reader fills in."""
SPOKEN = re.compile(r"`(?:python train\.py|gcm) ([^`…]*[^`….])`")
"""A command within a sentence."""


def name_of(path):
    return str(path.relative_to(ROOT))


def filled_in(words):
    """One job of a command: names filled in, of alternatives the first, without what only Hydra's own program reads."""
    for pattern, name in PLACES.items():
        words = [re.sub(rf"\b{pattern}\b", name, word) for word in words]
    plain = [word for word in words if not word.startswith(("-", "hydra.")) and "tag(" not in word]
    return [re.sub(r"=([^\[,]*),.*", r"=\1", word) for word in plain]


def shown_commands(text):
    spoken = [found.split() for found in SPOKEN.findall(text)]
    every = [*commands(text), *spoken]
    return {
        " ".join(words): words for words in every if not any("$" in word or word.startswith("--") for word in words)
    }


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings(path):
    for link in links(PAGES[path]):
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(PAGES[target]), link


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in PAGES if shown_commands(PAGES[path])], ids=name_of)
def test_every_command_is_understood(path):
    with initialize_config_dir(config_dir=str(ROOT / "configs"), version_base="1.3"):
        for words in shown_commands(PAGES[path]).values():
            composed(filled_in(words))


@pytest.mark.parametrize("path", [path for path in PAGES if blocks(PAGES[path], "python")], ids=name_of)
def test_every_python_block_runs(path):
    for block in blocks(PAGES[path], "python"):
        exec(compile(block, str(path), "exec"), {})


def test_every_page_is_on_the_site():
    """Each is in a table of contents; the site's generator says so, too, and the reference's index is written by it."""
    listed = {
        entry
        for text in PAGES.values()
        for block in blocks(text, r"\{toctree\}")
        for entry in block.splitlines()
        if entry and not entry.startswith(":")
    }
    pages = {path.relative_to(DOCS).with_suffix("").as_posix() for path in PAGES if path.is_relative_to(DOCS)}
    assert listed == pages - {"index"} | {"reference/index"}
