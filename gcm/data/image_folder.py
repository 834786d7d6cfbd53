"""People's own images: a directory with one folder for each class."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch

from gcm.data.base import ImageData, Split
from gcm.data.folder_files import ENDINGS, class_folders, composed, image_files
from gcm.data.folder_split import FolderSplit, Header, header
from gcm.error import InputError, listed
from gcm.setting import PositiveCount, ShareBelowOne


@dataclass(kw_only=True)
class ImageFolder(ImageData):
    """Images in class folders, either in `root/train/CLASS/` and `root/test/CLASS/` or all in `root/CLASS/`.

    In the second case `test_share` of each class, picked by `split_seed` and the files' names, is the test split. When
    images are added later, some may change sides: a folder that grows should have `train/` and `test/`. Hidden files
    and folders are left out. Raises `InputError` for a file that cannot be decoded; how images are decoded is said at
    `FolderSplit`.

    Attributes:
        size: images are resized to cover size x size pixels and the middle is cut out; null: all have one size.
        channels: 1 (grey) or 3 (RGB); null: grey only if every image is.
        test_share: share of each class that is for testing where the folder has no train/ and test/.
        memory_limit_mb: a split larger than this is read from disk batch by batch instead of held in memory.
    """

    size: PositiveCount | None = None
    channels: Literal[1, 3] | None = None
    test_share: ShareBelowOne = 0.2
    memory_limit_mb: PositiveCount = 4096

    name = "image_folder"

    def read(self, train: bool) -> Split:
        paths, labels = self._files(train)
        if not paths:
            raise InputError(f"data.test_share={self.test_share} leaves no test images; it must be above 0")
        split = FolderSplit(paths, torch.tensor(labels), self._channel_count, *self._height_and_width)
        return split if split.megabytes > self.memory_limit_mb else split.in_memory()

    def class_names(self) -> tuple[str, ...]:
        folder = self._folder(train=True)
        names = tuple(class_folders(folder))
        if len(names) < 2:
            raise InputError(
                f"{folder} must hold one folder of images for each of two classes or more, got {list(names)}"
            )
        return names

    @cached_property
    def _has_official_split(self) -> bool:
        root = Path(self.root).expanduser()
        if not root.is_dir():
            raise InputError(
                f"data.root={self.root} is no directory; expected there: one folder of images for each class"
            )
        with_classes = [name for name in ("train", "test") if (root / name).is_dir() and class_folders(root / name)]
        if len(with_classes) == 1:
            raise InputError(f"{root} has class folders in {with_classes[0]}/ only; it needs both train/ and test/")
        return bool(with_classes)

    def _folder(self, train: bool) -> Path:
        root = Path(self.root).expanduser()
        return root / ("train" if train else "test") if self._has_official_split else root

    def _files(self, train: bool) -> tuple[list[Path], list[int]]:
        folders = class_folders(self._folder(train))
        unknown = folders.keys() - set(self.class_names())
        if unknown:
            raise InputError(f"{self._folder(train)} has classes that train/ has not: {listed(sorted(unknown))}")
        chosen: list[tuple[Path, int]] = []
        for label, name in enumerate(self.class_names()):
            folder = self._folder(train) / name
            files = image_files(folders[name]) if name in folders else []
            part = files if self._has_official_split else self._share(files, train)
            if not part and (train or self.test_share):
                raise InputError(
                    f"{folder} gives no {'training' if train else 'test'} image; endings known: {listed(ENDINGS)}"
                )
            chosen += [(path, label) for path in part]
        return [path for path, _ in chosen], [label for _, label in chosen]

    def _share(self, files: Sequence[Path], train: bool) -> list[Path]:
        """This class's part of the split that we make ourselves."""
        ranked = sorted(files, key=self._rank)
        test_count = round(len(files) * self.test_share)
        return sorted(ranked[test_count:] if train else ranked[:test_count])

    def _rank(self, file: Path) -> str:
        """A number of the file's own, so that a file that comes or goes moves few others to the other side."""
        place = composed(file.relative_to(Path(self.root).expanduser()).as_posix())
        return hashlib.sha256(f"{self.split_seed}/{place}".encode(errors="surrogateescape")).hexdigest()

    @cached_property
    def _headers(self) -> dict[Header, Path]:
        """Every size and kind of image that occurs, with one file that has it."""
        return {header(path): path for train in (True, False) for path in self._files(train)[0]}

    @property
    def _height_and_width(self) -> tuple[int, int]:
        if self.size is not None:
            return self.size, self.size
        files = {(found.height, found.width): path for found, path in self._headers.items()}
        if len(files) > 1:
            examples = listed(f"{path.name} is {width}x{height}" for (height, width), path in list(files.items())[:2])
            raise InputError(f"the images in {self.root} differ in size ({examples}); set data.size=")
        return next(iter(files))

    @property
    def _channel_count(self) -> int:
        if self.channels is not None:
            return self.channels
        return 1 if all(found.grey for found in self._headers) else 3
