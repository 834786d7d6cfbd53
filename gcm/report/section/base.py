"""Every section of a report is made and written alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gcm.command import command_name
from gcm.error import listed
from gcm.report.evidence import Evidence, Lack
from gcm.study.reason import by_reason


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes:
        title: its heading.
        body: its text, Markdown.
        missing: names of things that ought to be here and are not, and what each lacks.
        key, summary: a mark in a page of results, and the Markdown that belongs there.
        headline: the part of the summary that a README shows, at the mark `KEY_headline`.
    """

    title: str
    body: str
    missing: tuple[tuple[str, Lack], ...] = ()
    key: str = ""
    summary: str = ""
    headline: str = ""


SectionMaker = Callable[[Evidence], Section]
"""A function that measures and draws what a section needs, and tells it."""


def missing_section(title: str, *lacks: Lack) -> Section:
    """Return a section that names what is missing; the reasons stand once, at the report's beginning."""
    body = f"{absent(*lacks).replace('missing', 'Missing', 1)} ([why](#missing)).\n"
    return Section(title, body, tuple((title, lack) for lack in lacks))


def absent(*lacks: Lack) -> str:
    """Return what is missing, without the reasons."""
    names = dict.fromkeys(lack.what for lack in lacks if lack.what)
    return f"missing: {listed(names)}" if names else "missing"


def missing_lines(sections: Sequence[Section]) -> list[str]:
    """Return each reason once: what it keeps away, and what therefore is not in the report."""
    pairs = [pair for section in sections for pair in section.missing]
    lacking = by_reason((lack.what, lack.reason) for _, lack in pairs)
    without = by_reason((name, lack.reason) for name, lack in pairs)
    return [
        ": ".join(filter(None, [reason, listed(filter(None, lacking[reason]))]))
        + f". Not here therefore, or not in full: {'; '.join(names)}"
        for reason, names in without.items()
    ]


def figure(path: Path, caption: str, command: str = "task=report") -> str:
    """Return a picture beside the page, with its caption and the command that makes it."""
    return f"![{caption}]({path.name})\n\n*{caption}*\n\n`{command_name()} {command}`\n"
