"""Untrusted files: checks of the plain values and the archives that a stranger may have written."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

from gcm.error import InputError, shortened

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line breaks, marks that turn the direction of writing, and halves of characters."""
ROOT_ANYWHERE = "${oc.env:GCM_DATA,data}"
"""The directory of data as `configs/data` has it: a card names no directory of one machine."""
DOES_SOMETHING = re.compile(r"(?<=!)\[|(?<=\])[(\[]|<(?=[A-Za-z/!?])")
"""The beginnings of a picture's text, a link's address and HTML in Markdown."""
NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
MOST, DEEPEST, LONGEST = 100_000, 20, 10_000
"""The most values in all, the deepest nesting, and the most characters of a text."""


def printable(text: str) -> str:
    r"""Return the text in one line, with all that could steer a terminal written out: `\x1b` for an escape
    character.
    """
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def as_text(text: str) -> str:
    """Return the text as Markdown that is no picture, no link, and no HTML for readers that would run it."""
    return DOES_SOMETHING.sub(r"\\\g<0>", text.replace("\\", "\\\\"))


def check_plain(value: Any, what: str) -> None:
    """Raise `InputError` unless `value` consists of few and short plain values, none of which does anything.

    So it can be written to a page or a table, and filled in without a look at the environment.
    """
    for place, leaf in leaves(value, what):
        if isinstance(leaf, str):
            if len(leaf) > LONGEST:
                raise InputError(f"{place} must have at most {LONGEST} characters, got {len(leaf)}")
            if UNPRINTABLE.search(leaf):
                raise InputError(f"{place} must be printable text in one line, got {shortened(repr(leaf))}")
        elif not isinstance(leaf, bool | int | float | None):
            raise InputError(f"{place} must be text, a number, true, false or null; got {type(leaf).__name__}")
    check_interpolations(value, what)


def check_interpolations(value: Any, what: str = "") -> None:
    """Raise `InputError` for texts with `${…}`, but for the data's place: behind them may be secrets, or no end."""
    for place, leaf in leaves(value, what):
        if isinstance(leaf, str) and "${" in leaf and leaf != ROOT_ANYWHERE:
            raise InputError(
                f"{place} must hold no ${{…}} but {ROOT_ANYWHERE}, got {shortened(printable(leaf))}; let the shell "
                "fill in others"
            )


def leaves(value: Any, what: str) -> Iterator[tuple[str, Any]]:
    """Yield all values that hold no others, each with its place.

    Raises `InputError` where they are too many, too deep, or badly named.
    """
    waiting, seen = [(what, value, 0)], 0
    while waiting:
        place, part, depth = waiting.pop()
        seen += 1
        if seen > MOST or depth > DEEPEST:
            raise InputError(f"{what} must hold at most {MOST} values, nested at most {DEEPEST} deep")
        if isinstance(part, Mapping):
            for name in part:
                if not isinstance(name, str) or not NAME.fullmatch(name):
                    got = shortened(repr(name))
                    raise InputError(f"names in {place} must consist of letters, digits, - and _; got {got}")
            waiting += [(f"{place}.{name}".lstrip("."), inner, depth + 1) for name, inner in part.items()]
        elif isinstance(part, list | tuple):
            waiting += [(f"{place}[{number}]", inner, depth + 1) for number, inner in enumerate(part)]
        else:
            yield place, part


def check_archive(path: Path) -> None:
    """Raise `BadZipFile` unless `path` is an archive that grows no larger when it is read."""
    with ZipFile(path) as archive:
        members = archive.infolist()
    if any(member.compress_type != ZIP_STORED for member in members):
        raise BadZipFile("what is in it is compressed")
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise BadZipFile("what is in it is larger than the file")
