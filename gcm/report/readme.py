"""Results in a README or another page: what stands between two marks is written by the report."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from gcm.atomic_write import write_text
from gcm.error import InputError, listed
from gcm.report.section import Section


def update_readme(path: Path, sections: Sequence[Section]) -> None:
    """Replace the text between `<!-- KEY -->` and `<!-- end of KEY -->` by the summary of the section with that key.

    `KEY_headline` gets the part of it that is for a README. Raises `InputError` where a mark names no section, or
    stands alone.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"task.readme={path} cannot be read: {error.strerror}") from None
    write_text(path, with_summaries(text, texts_by_mark(sections)))


def texts_by_mark(sections: Sequence[Section]) -> dict[str, str]:
    summaries = {section.key: section.summary for section in sections if section.summary}
    headlines = {f"{section.key}_headline": section.headline for section in sections if section.headline}
    return summaries | headlines


def with_summaries(text: str, summaries: Mapping[str, str]) -> str:
    marked = re.findall(r"<!-- end of (\w+) -->", text)
    unknown = [key for key in marked if key not in summaries]
    if not marked or unknown:
        raise InputError(
            f"marks must be <!-- KEY --> … <!-- end of KEY --> with one of {listed(summaries)}, got {listed(unknown)}"
        )
    for key in marked:
        before, opening, rest = text.partition(f"<!-- {key} -->\n")
        _, closing, after = rest.partition(f"<!-- end of {key} -->")
        if not closing:
            raise InputError(f"<!-- end of {key} --> has no <!-- {key} --> on a line of its own before it")
        text = before + opening + summaries[key] + closing + after
    return text
