"""The folders in a directory are classes, or splits with the classes in them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from gcm.data.folder_files import class_folders, composed, contents, counted, is_image
from gcm.error import InputError, listed

Folders = Literal["classes", "splits"]
ROLES: Mapping[str, tuple[str, ...]] = {
    "training": (
        *("train", "trein", "entren", "entrain", "apprent", "addestr", "обуч"),
        *("訓練", "トレーニング", "训练", "学習", "学习", "훈련", "학습"),
    ),
    "test": (
        *("test", "eval", "holdout", "prueb", "тест"),
        *("テスト", "評価", "試験", "測試", "测试", "评估", "테스트", "평가", "시험"),
    ),
    "validation": (
        *("valid", "val", "dev", "devel", "валид"),
        *("検証", "驗證", "验证", "검증"),
    ),
}
"""The beginnings of the names of splits' parts, in some of the languages in which people name them."""
WHOLE_WORDS = {"val", "dev"}
"""Those of the beginnings with which other words begin, too."""
ACCENTS = re.compile("[\u0300-\u036f]")
DEEPEST = 5
"""The most folders in folders, each alone, that are looked through."""
WAY_OUT = ", or set data.folders=classes if they are classes"


@dataclass(frozen=True)
class Layout:
    """The layout of a directory says which of its folders are splits.

    Attributes:
        train: the folder with the classes to train on.
        test: the folder with the classes to test on; None: there is none, and a share of each class is set aside.
        validation: the folder with the classes for validation; None: there is none.
    """

    train: Path
    test: Path | None = None
    validation: Path | None = None

    @property
    def places(self) -> list[Path]:
        return [place for place in (self.train, self.validation, self.test) if place is not None]


def layout(root: Path, folders: Folders | None, validation: str | None) -> Layout:
    """Find classes, or `train/` and `test/` with the classes in each, and perhaps a third folder for validation.

    `folders` says which, where the names or contents of the folders would mislead; `validation` names the third, where
    it is not the only one that is called so. Raises `InputError` for splits by other names: their folders would become
    the classes.
    """
    found = {} if folders == "classes" else class_folders(root)
    splits = [name for name in ("train", "test") if name in found and class_folders(found[name])]
    if len(splits) == 2:
        return Layout(found["train"], found["test"], validation_folder(root, found, validation))
    if validation is not None:
        raise InputError(f"data.validation_folder={validation} needs the folders train/ and test/ beside it in {root}")
    if splits or folders == "splits":
        way_out = "" if folders else WAY_OUT
        there = f"{splits[0]}/ only" if splits else "neither train/ nor test/"
        raise InputError(f"{root} has class folders in {there}; it needs both train/ and test/{way_out}")
    reason = reason_for_splits(found)
    if reason:
        raise InputError(f"{root}: {reason}; name the folders train/ and test/ (and val/){WAY_OUT}")
    return Layout(root)


def validation_folder(root: Path, found: Mapping[str, Path], chosen: str | None) -> Path | None:
    if chosen is not None:
        if chosen not in found:
            raise InputError(f"data.validation_folder={chosen} is no folder in {root}; there are {listed(found)}")
        return found[chosen]
    candidates = [name for name, path in found.items() if role(name) == "validation" and class_folders(path)]
    if len(candidates) > 1:
        raise InputError(f"{root} has {listed(candidates)}; say which is for validation: data.validation_folder=")
    return found[candidates[0]] if candidates else None


def reason_for_splits(found: Mapping[str, Path]) -> str:
    """Return why the folders look like the parts of a split; empty where they look like classes."""
    if len(found) < 2:
        return ""
    parts = [name for name in found if role(name)]
    if len({role(name) for name in parts}) > 1:
        return f"{listed(parts)} are called as the parts of a split"
    inner = {name: inner_folders(path) for name, path in found.items()}
    for name in parts:
        if len(inner[name]) > 1:
            return f"{name} is called as a part of a split, and holds folders ({few(inner[name])})"
    for name, folders in inner.items():
        if len({role(folder) for folder in folders} - {None}) > 1:
            return f"{name} holds a split ({few(folders)}), where each part of a split should hold the classes"
        if len(folders & {other.casefold() for other in inner}) > 1:
            return f"{name} holds folders that are also beside it ({few(folders)})"
    counts = Counter(folder for folders in inner.values() for folder in folders)
    shared = {folder for folder, count in counts.items() if count > 1}
    several = [name for name, folders in inner.items() if len(folders & shared) > 1]
    if len(several) < 2:
        return ""
    return f"{few(several)} hold the same folders ({few(shared)}), as the parts of a split do"


def left_out(root: Path, found: Layout, others: Sequence[Path]) -> str:
    """Return in words which images are not used; empty where all are. `others`: files in the class folders."""
    loose = [path for place in {root, *found.places} for path in contents(place)[1] if is_image(path)]
    unused = [name for name, path in class_folders(root).items() if found.test and path not in found.places]
    said = [
        *([f"{counted(others)} (not read by Pillow here)"] if others else []),
        *([f"{len(loose):,} image{'s' if len(loose) > 1 else ''} outside the class folders"] if loose else []),
        *([f"the folder{'s' if len(unused) > 1 else ''} {listed(unused)}"] if unused else []),
    ]
    return f"left out in {root}: {'; '.join(said)}" if said else ""


def few(names: Iterable[str], most: int = 5) -> str:
    """Return names for a message, which need not be all of them."""
    ordered = sorted(names)
    return listed(ordered[:most]) + (", …" if len(ordered) > most else "")


def inner_folders(folder: Path) -> set[str]:
    """Return the names of the folders in a folder, without regard to case; a folder that lies alone in it is looked
    through.
    """
    for _ in range(DEEPEST):
        folders, files = contents(folder)
        if len(folders) != 1 or files:
            return {composed(path.name).casefold() for path in folders}
        folder = folders[0]
    return set()


def role(name: str) -> str | None:
    """Return the part of a split that a folder's name says: `training`, `test`, `validation`, or none."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", composed(name))
    plain = composed(ACCENTS.sub("", unicodedata.normalize("NFD", spaced.casefold())))
    single = re.findall(r"[^\W\d_]+", plain)
    words = [*single, *("".join(pair) for pair in pairwise(single))]
    return next((part for part, stems in ROLES.items() if any(begins(word, stems) for word in words)), None)


def begins(word: str, stems: tuple[str, ...]) -> bool:
    """Return whether a word begins with a stem; in languages without spaces between words it may stand anywhere."""
    return any(
        word == stem if stem in WHOLE_WORDS else word.startswith(stem) or (not stem.isascii() and stem in word)
        for stem in stems
    )
