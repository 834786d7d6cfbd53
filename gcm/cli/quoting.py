"""Words of a command line that Hydra does not read as text, and how they are written so that it does."""

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from io import StringIO

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from gcm.error import InputError, shortened
from gcm.instantiate import likely

NAMES = {"task", "data", "model", "experiment", "visualizer", "rendering", "metric", "measure", "optimizer", "schedule",
         "sweep", "trainer", "weights", "resume", "output", "indices", "label", "start", "count", "seed"}  # fmt: skip
"""The names of settings, as they stand at the top of the command line."""
MUST_BE_TEXT = re.compile(r"([\w.]+): must be [^;]*\bvalid string\b")
"""The beginning of a message that refuses a value which is no text."""
AMBIGUOUS = re.compile(r"Ambiguous value for argument '(.*)'\n")
"""The beginning of Hydra's message where a value has commas."""


def unreadable(word: str, line: Sequence[str]) -> str:
    """Return what to say of a word that Hydra cannot read; empty: quotes do not help. `line`: all words there are."""
    if "=" not in word and re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", word) and ("." in word or word in NAMES):
        return f"{word!r} has no value; write {word}=VALUE"
    if "=" not in word:
        written = for_shell(joined(word, line))
        return written and f"{shortened(word)!r} is no NAME=VALUE; if the word before goes on with it, write {written}"
    written = for_shell(word)
    return written and f"{shortened(word)!r} cannot be read; such a value needs quotes of its own: {written}"


def ambiguous(message: str) -> str:
    """Return what to say where a value has commas and there is no sweep; empty: the message is about something else."""
    found = AMBIGUOUS.match(message)
    if not found:
        return ""
    name, _, value = found[1].partition("=")
    several = shlex.quote(f"{name}=[{value}]")
    return f"{found[1]!r} has commas; as one text: {for_shell(found[1])}; as a list: {several}; for a sweep add -m"


def meant_as_text(message: str, line: Sequence[str]) -> str:
    """Return how to write a value that was read as a number, a list or the like; empty: it was not."""
    found = MUST_BE_TEXT.match(message)
    words = [word for word in line if found and word.lstrip("+").startswith(f"{found[1]}=")]
    return f"; as text: {for_shell(words[-1])}" if words and for_shell(words[-1]) else ""


def joined(word: str, line: Sequence[str]) -> str:
    """Return the setting that a word without = was torn off by spaces."""
    place = list(line).index(word) if word in line else 0
    begin = place
    while begin > 0 and "=" not in line[begin]:
        begin -= 1
    return " ".join(line[begin : place + 1])


def for_shell(word: str) -> str:
    """Return the word with quotes for Hydra around its value, and those for the shell around all; empty: not even so
    helps.
    """
    name, equals, value = word.partition("=")
    if not equals or not word.isprintable():
        return ""
    return next((shlex.quote(f"{name}={text}") for text in quoted(value) if readable(f"{name}={text}")), "")


def quoted(value: str) -> Iterator[str]:
    """Return ways to write a value, the likeliest first: a list's items in quotes, or all of it."""
    if value.startswith("[") and value.endswith("]") and not readable(f"x={value}"):
        items = [item.strip() for item in value[1:-1].split(",")]
        yield f"[{','.join(item if readable(f'x={item}') else in_quotes(item) for item in items)}]"
    yield in_quotes(value)


def in_quotes(text: str) -> str:
    return str(QuotedString(text=text, quote=Quote.double).with_quotes())


def refuse_options(line: Sequence[str]) -> None:
    """Raise `InputError` for settings that are written as options, as `--epochs 3`."""
    try:
        with redirect_stderr(StringIO()):
            _, unknown = get_args_parser().parse_known_args(list(line))
    except SystemExit as end:  # an option of Hydra without its value, or the beginning of several
        if not end.code:
            raise
        options = [word for word in line if word.startswith("-")]
        raise InputError(
            f"{shortened(' '.join(options))}: no such option, or one without its value; settings are written NAME=VALUE"
        ) from None
    if unknown:
        name, _, value = unknown[0].lstrip("-").partition("=")
        meant = f"{likely(name, [], []) or name}={value or 'VALUE'}"
        raise InputError(f"{shortened(unknown[0])}: settings are written NAME=VALUE, without dashes: {meant}")


def readable(word: str) -> bool:
    try:
        OverridesParser.create().parse_override(word)
    except HydraException:
        return False
    return True
