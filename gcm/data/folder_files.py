"""Folders of a directory are classes, and some of the files below them are images."""

import hashlib
import os
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from PIL import Image

from gcm.error import InputError, listed

WITH_SIGNATURE = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Formats that are told by their first bytes, whatever a file is called."""
LEFT_OUT = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
"""Formats that Pillow names, but hands to other programs to read."""
MOST_COUNTED = 10
LEFT_BEHIND = {
    "__macosx", "thumbs.db", "thumbs.db:encryptable", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "$recycle.bin",
    "lost+found", "system volume information",
}  # fmt: skip
PARTS_OF_JPEG = {"MPO": "JPEG"}
"""Formats that Pillow opens by another, and that other."""


@cache
def readable() -> dict[str, str]:
    """Return the formats that Pillow reads in this installation, by the endings of their files."""
    Image.init()
    formats = {ending: PARTS_OF_JPEG.get(name, name) for ending, name in Image.registered_extensions().items()}
    return {ending: name for ending, name in formats.items() if name in Image.OPEN and name not in LEFT_OUT}


@cache
def formats_with_signature() -> tuple[str, ...]:
    return tuple(name for name in WITH_SIGNATURE if name in readable().values())


def formats_of(path: Path) -> tuple[str, ...]:
    """Return the formats that a file may have; one without a signature only where its ending says so."""
    named = readable().get(ending(path))
    told = formats_with_signature()
    return told if named is None or named in told else (*told, named)


def is_image(path: Path) -> bool:
    """Return whether a file is an image, by its ending; where it has none, by its content."""
    return ending(path) in readable() if ending(path) else holds_image(path)


def holds_image(path: Path) -> bool:
    if not os.path.isfile(path):  # a pipe would be waited for
        return False
    try:
        with Image.open(path, formats=formats_with_signature()):
            return True
    except Exception:  # Pillow raises whatever its decoders stumble over
        return False


def ending(path: Path) -> str:
    return path.suffix.lower()


def class_folders(directory: Path) -> dict[str, Path]:
    """Return the folders by the name of their class, in the order of the names.

    Names are in Unicode's composed form (NFC), as they are typed, whatever system wrote them. Raises `InputError` where
    a name cannot be printed on one line, or two are the same.
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


def images_and_others(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return all images and all other files below a folder, in order.

    Links to folders are followed, but no folder is looked into twice.
    """
    files: list[Path] = []
    waiting, seen = [folder], set()
    while waiting:
        directory = waiting.pop()
        if directory.resolve() not in seen:
            seen.add(directory.resolve())
            folders, others = contents(directory)
            waiting += folders
            files += others
    images = {path for path in files if is_image(path)}
    return sorted(images), sorted(set(files) - images)


def check_each_once(images: Iterable[Path]) -> None:
    """Raise `InputError` where links to folders bring files into several classes or splits, or twice into one.

    A link to a single file is an image of its own.
    """
    real_folder = cache(os.path.realpath)
    first: dict[str, Path] = {}
    for image in images:
        if image.is_symlink():
            continue
        other = first.setdefault(os.path.join(real_folder(image.parent), image.name), image)
        if other is not image:
            raise InputError(f"{other} and {image} are one file; an image must be in one class and one split, once")


def in_drawn_order(files: Iterable[Path], root: Path, seed: int) -> list[Path]:
    """Sort files by a number of each file's own, so that one that comes or goes moves few others in a split."""

    def number(file: Path) -> str:
        place = composed(file.relative_to(root).as_posix())
        return hashlib.sha256(f"{seed}/{place}".encode(errors="surrogateescape")).hexdigest()

    return sorted(files, key=number)


def contents(directory: Path) -> tuple[list[Path], list[Path]]:
    """Return a directory's folders and what else is in it, in order, without what is hidden.

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
    """Return whether notebooks, archives or file managers left a file behind: `.ipynb_checkpoints`, `__MACOSX`,
    `._x.png`.
    """
    return name.startswith(".") or name.lower() in LEFT_BEHIND


def composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def counted(files: Iterable[Path]) -> str:
    """Count files by their endings, the most frequent first: `12 .heic, 1 without an ending`."""
    counts: dict[str, int] = {}
    for path in files:
        name = ending(path) or "without an ending"
        counts[name] = counts.get(name, 0) + 1
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    others = sum(count for _, count in ordered[MOST_COUNTED:])
    named = listed(f"{count:,} {name}" for name, count in ordered[:MOST_COUNTED])
    return f"{named} and {others:,} with other endings" if others else named
