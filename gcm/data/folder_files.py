"""Which folders of a directory are classes, and which files below them are images."""

import os
import unicodedata
from pathlib import Path

from gcm.error import InputError

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


def class_folders(directory: Path) -> dict[str, Path]:
    """The folders by the name of their class, in the order of the names.

    Names are in Unicode's composed form (NFC), as they are typed, whatever system wrote them. Raises `InputError`
    where a name cannot be printed on one line, or two are the same.
    """
    folders: dict[str, Path] = {}
    for path in contents(directory)[0]:
        name = composed(path.name)
        if not name.isprintable():
            raise InputError(f"{path}: the name of a class must be printable, on one line; rename the folder")
        if name in folders:
            raise InputError(f"{directory} has two folders called {name}, written in different Unicode; rename one")
        folders[name] = path
    return dict(sorted(folders.items()))


def image_files(folder: Path) -> list[Path]:
    """All images below a folder, in order. Links to folders are followed, but no folder is looked into twice."""
    files: list[Path] = []
    waiting, seen = [folder], set()
    while waiting:
        directory = waiting.pop()
        if directory.resolve() not in seen:
            seen.add(directory.resolve())
            folders, others = contents(directory)
            waiting += folders
            files += [path for path in others if path.suffix.lower() in ENDINGS]
    return sorted(files)


def contents(directory: Path) -> tuple[list[Path], list[Path]]:
    """A directory's folders and what else is in it, in order, without what is hidden.

    Raises `InputError` where it cannot be read, or a link leads nowhere.
    """
    try:
        with os.scandir(directory) as found:
            entries = sorted((entry for entry in found if not is_hidden(entry.name)), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{directory} cannot be read ({error.strerror}); mend or remove it") from None
    for entry in entries:
        if entry.is_symlink() and not os.path.exists(entry.path):
            raise InputError(f"{entry.path} is a link that leads nowhere; mend or remove it")
    return (
        [Path(entry) for entry in entries if entry.is_dir()],
        [Path(entry) for entry in entries if not entry.is_dir()],
    )


def is_hidden(name: str) -> bool:
    """What notebooks, archives and file managers leave behind: `.ipynb_checkpoints`, `__MACOSX`, `._x.png`."""
    return name.startswith(".") or name == "__MACOSX"


def composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
