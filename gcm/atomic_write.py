"""Result files appear whole or not at all: each is written beside its place and then renamed."""

import csv
import errno
import io
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gcm.error import InputError
from gcm.untrusted import as_text

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it there in one step, also should the machine stop.

    The directory must be there: one that was deleted meanwhile is not made anew, since who deletes a run's directory
    wants no more of it. Raises `InputError` where the file cannot be written; what was there before then stands.
    """
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        write(partial)
        write_through(partial)
        partial.replace(path)
        with suppress(OSError):  # some file systems do not do this for directories
            write_through(path.parent)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError):
            left = f"; delete {partial}" if partial.exists() else ""
            raise InputError(f"{path} cannot be written: {reason(error, path.parent)}{left}") from error
        raise


def make_directory(directory: Path, parents: bool = False) -> None:
    """Make a directory if it is not there yet; `parents` too, if wanted.

    Raises `InputError` where it cannot be made.
    """
    try:
        directory.mkdir(parents=parents, exist_ok=True)
    except OSError as error:
        raise InputError(f"{directory} cannot be made: {reason(error, directory.parent)}") from error


def delete(path: Path) -> None:
    """Delete a file if it is there.

    Raises `InputError` where it cannot be deleted.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be deleted: {reason(error, path.parent)}") from error


def reason(error: OSError, directory: Path) -> str:
    """Return why nothing can be written in a directory, and what to do."""
    if error.errno in NO_ROOM:
        return f"{error.strerror}, {room(directory)}; make room there, or write elsewhere"
    if isinstance(error, FileNotFoundError | NotADirectoryError) and not directory.is_dir():
        return f"{directory} is no directory (any more)"
    return f"{error.strerror or error}"


def room(directory: Path) -> str:
    try:
        usage = shutil.disk_usage(directory)
    except OSError:
        return "how much is left cannot be told"
    return f"{usage.free / 1e6:,.1f} MB of {usage.total / 1e6:,.1f} MB are left"


def write_bytes(path: Path, content: bytes) -> None:
    write_whole(path, lambda partial: partial.write_bytes(content))


def write_through(path: Path) -> None:
    """Have the disk hold what a file or directory contains."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_partial_files(directory: Path) -> None:
    """Delete what a killed process left of files that it was writing, anywhere below `directory`."""
    for path in directory.rglob(".*"):
        if is_partial(path):
            path.unlink(missing_ok=True)


def is_partial(path: Path) -> bool:
    return path.match(".*.partial*")


def write_text(path: Path, text: str) -> None:
    write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2) + "\n")


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write one line for each row; the columns are those of all rows, in order of appearance."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [
        [cell(name) for name in columns],
        ["---"] * len(columns),
        *([cell(row.get(name, "")) for name in columns] for row in rows),
    ]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def cell(value: Any) -> str:
    """Return a value as text that stays within its cell."""
    return as_text(" ".join(str(value).split())).replace("|", "\\|")
