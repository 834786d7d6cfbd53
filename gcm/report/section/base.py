"""What every section of a report is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gcm.error import listed
from gcm.report.evidence import Evidence


@dataclass(frozen=True)
class Section:
    """Attributes:
    title: its heading.
    body: Markdown.
    missing: what ought to be here and is not, with the reason; a line each.
    key, summary: a mark in a README, and the Markdown that belongs there.
    """

    title: str
    body: str
    missing: tuple[str, ...] = ()
    key: str = ""
    summary: str = ""


SectionMaker = Callable[[Evidence], Section]
"""A section's file has one function of this kind: it measures and draws what it needs and tells it."""


def missing_section(title: str, *reasons: str) -> Section:
    return Section(title, f"Missing: {listed(reasons)}.\n", tuple(f"{title}: {reason}" for reason in reasons))


def figure(path: Path, caption: str, command: str = "task=report") -> str:
    """A picture beside the page, with its caption and the command that makes it."""
    return f"![{caption}]({path.name})\n\n*{caption}*\n\n`python train.py {command}`\n"
