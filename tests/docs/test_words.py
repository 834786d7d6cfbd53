"""Words of ours are explained where a reader first meets them: the first use on each page leads to the glossary."""

import re

import pytest
from pages import DOCS, PAGES, anchors, prose
from sample import ROOT

GLOSSARY = DOCS / "glossary.md"
OURS = {
    "by-construction": "by construction",
    "by-design": "by design",
    "card": "cards?",
    "control": "controls?",
    "decline-ratio": "decline[ -]ratios?",
    "evaluation-copy": "evaluation cop(?:y|ies)",
    "faithfulness": "faithfulness",
    "filter-path": "filter paths?",
    "noise-mask": "noise masks?",
    "planted": "planted",
    "post-hoc": "post-hoc",
    "rendering": "renderings?",
    "run-directory": "run director(?:y|ies)",
    "shipped-network": "shipped (?:network|weight)s?",
    "visualizer": "visualizers?",
    "weight-map": "weight maps?",
}
"""A glossary's anchor, and how the word stands in sentences."""


def unexplained(text, anchor, word):
    """What stands where a word is first used, if that does not lead to the glossary; else an empty string."""
    used = re.search(rf"\b{word}\b", text.replace("\n", " "), re.IGNORECASE)
    if not used:
        return ""
    around = text[max(0, used.start() - 60) : used.end() + 60]
    link = rf"\[[^]]*\b{word}\b[^]]*\]\([^)]*glossary\.md#{anchor}\)"
    explained = re.search(link, text.replace("\n", " "), re.IGNORECASE)
    return "" if explained and explained.start() <= used.start() < explained.end() else around


def test_the_glossary_has_every_word():
    assert set(OURS) <= anchors(PAGES[GLOSSARY])


@pytest.mark.parametrize(
    "path", [path for path in PAGES if path != GLOSSARY], ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_first_use_of_a_word_leads_to_the_glossary(path):
    text = re.sub(r"\[[^]]*\]\((?![^)]*glossary)[^)]*\)", "", prose(PAGES[path]))  # other links explain themselves
    found = {word: around for anchor, word in OURS.items() if (around := unexplained(text, anchor, word))}
    assert not found
