"""People's own images lie in a directory with one folder for each class."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch

from gcm.data.base import ImageData, Split
from gcm.data.batch_size import LARGEST, suitable_batch_size
from gcm.data.folder_files import check_each_once, class_folders, counted, images_and_others, in_drawn_order, readable
from gcm.data.folder_layout import Folders, Layout, layout, left_out
from gcm.data.folder_split import FolderSplit, Header, UnreadableFilesError, check_decodes, header, in_parallel
from gcm.error import InputError, listed
from gcm.types import PositiveCount, ShareBelowOne

Part = Literal["train", "validation", "test"]
LOG = logging.getLogger(__name__)
PARTS: Sequence[Part] = ("train", "validation", "test")


@dataclass(kw_only=True)
class ImageFolder(ImageData):
    """An image folder has its images in class folders, `root/train/CLASS/` and `root/test/CLASS/` or all in
    `root/CLASS/`.

    In the first case a folder `val/` beside them (or `valid/`, `validation/`, `dev/`) is for validation. In the second
    `test_share` of each class, picked by `split_seed` and the files' names, is the test split. When images are added
    later, some may change sides: a folder that grows should have `train/` and `test/`. Splits by other names are
    refused, where they can be told from classes.

    An image is whatever Pillow reads here, told by the file's ending, or by its content where it has none. Hidden files
    and folders are left out; other files that are left out are counted and said. Raises `InputError` for files that
    cannot be decoded; `FolderSplit` says how images are decoded.

    Attributes:
        batch_size: images in a batch, for each process, at most: an epoch has every image, in batches nearly alike;
            null: a sixteenth of the training images, 8 to 128.
        size: images are resized to cover size x size pixels and the middle is cut out; null: all have one size.
        channels: 1 (grey) or 3 (RGB); null: grey only if every image is.
        test_share: share of each class that is for testing where the folder has no train/ and test/; 0: a training ends
            without a test.
        memory_limit_mb: a split larger than this, in MiB, is read from disk batch by batch instead of held in memory.
        folders: whether the folders in `root` are "classes" or "splits"; null: as they look.
        validation_folder: the one beside train/ and test/ that is for validation; null: the one that is called so.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from gcm.data import ImageFolder
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for number in range(10):
    ...         path = Path(root, "cat" if number % 2 else "dog", f"{number}.png")
    ...         path.parent.mkdir(exist_ok=True)
    ...         Image.new("RGB", (8, 8)).save(path)
    ...     data = ImageFolder(root=root)
    ...     data.class_names(), len(data.train), len(data.test), data.spec.shape
    (('cat', 'dog'), 8, 2, (3, 8, 8))
    """

    batch_size: PositiveCount | None = None  # type: ignore[assignment]
    size: PositiveCount | None = None
    channels: Literal[1, 3] | None = None
    test_share: ShareBelowOne = 0.2
    memory_limit_mb: PositiveCount = 4096
    folders: Folders | None = None
    validation_folder: str | None = None

    name = "image_folder"
    whole_epochs: ClassVar[bool] = True

    def read(self, train: bool) -> Split:
        return self._split("train" if train else "test")

    def class_names(self) -> tuple[str, ...]:
        folder = self._layout.train
        names = tuple(class_folders(folder))
        if len(names) < 2:
            deeper = [path for path in class_folders(folder).values() if len(class_folders(path)) > 1]
            hint = f"; is it data.root={deeper[0]}?" if deeper else ""
            raise InputError(
                f"{folder} must hold one folder of images for each of two classes or more, got {list(names)}{hint}"
            )
        return names

    def check(self) -> None:
        """Decode also the images that stay on disk; raise `UnreadableFilesError` of all splits together."""
        try:
            super().check()
        except UnreadableFilesError:
            in_parallel(self._all_files, check_decodes, self.progress)
            raise
        if any(isinstance(split, FolderSplit) for split in self.splits):
            in_parallel(self._all_files, check_decodes, self.progress)

    @cached_property
    def validation(self) -> Split:
        return self._split("validation") if self._layout.validation else super().validation

    @property
    def validated(self) -> bool:
        return self._layout.validation is not None or super().validated

    @property
    def tested(self) -> bool:
        return self._layout.test is not None or self.test_share > 0

    @property
    def images_at_once(self) -> int:
        return self.batch_size or LARGEST

    def chosen(self) -> dict[str, Any]:
        folder = self._layout.validation
        return {
            **({} if self.batch_size else {"batch_size": suitable_batch_size(len(self.train))}),
            **({} if self.validation_folder or not folder else {"validation_folder": folder.name}),
        }

    @cached_property
    def _layout(self) -> Layout:
        root = self._root
        if not root.is_dir():
            raise InputError(
                f"data.root={self.root} is no directory; expected there: one folder of images for each class"
            )
        found = layout(root, self.folders, self.validation_folder)
        if found.validation and self.val_size:
            raise InputError(
                f"{found.validation} is for validation; set data.val_size=0, got {self.val_size}, which would take "
                "images from train/"
            )
        return found

    @property
    def _root(self) -> Path:
        return Path(self.root).expanduser()

    def _split(self, part: Part) -> Split:
        paths, labels = self._files(part)
        if not paths:
            raise InputError(f"data.test_share={self.test_share:g} leaves no test images; it must be above 0")
        said = left_out(self._root, self._layout, [path for _, others in self._below.values() for path in others])
        if said:
            warn_once(said)
        split = FolderSplit(paths, torch.tensor(labels), self._channel_count, *self._height_and_width)
        return split if split.megabytes > self.memory_limit_mb else split.in_memory(self.progress)

    def _files(self, part: Part) -> tuple[list[Path], list[int]]:
        """Return the images of a part, class by class, and their labels."""
        own: Path | None = getattr(self._layout, part)
        if own is None and part == "validation":
            return [], []
        folder = own or self._layout.train
        folders = class_folders(folder)
        unknown = folders.keys() - set(self.class_names())
        if unknown:
            raise InputError(f"{folder} has classes that train/ has not: {listed(sorted(unknown))}")
        paths: list[Path] = []
        labels: list[int] = []
        for label, name in enumerate(self.class_names()):
            images, others = self._below[folders[name]] if name in folders else ([], [])
            chosen = images if self._layout.test else self._share(images, part)
            if not chosen and (part != "test" or self.tested):
                why = self._why_none(images, others)
                raise InputError(f"{folder / name} gives no {'training' if part == 'train' else part} image; {why}")
            paths += chosen
            labels += [label] * len(chosen)
        return paths, labels

    def _why_none(self, images: Sequence[Path], others: Sequence[Path]) -> str:
        if images:
            of_test = f"data.test_share={self.test_share:g} is {self._test_count(images)}"
            return f"of {len(images)} there {of_test}; add images"
        known = f"endings known: {', '.join(sorted(readable()))}"
        return f"there are {counted(others)}; {known}" if others else f"{known}; there is no file, or no such folder"

    def _share(self, files: Sequence[Path], part: Part) -> list[Path]:
        """Return this class's part of the split that we make ourselves."""
        ranked = in_drawn_order(files, self._root, self.split_seed)
        count = self._test_count(files)
        return sorted(ranked[count:] if part == "train" else ranked[:count])

    def _test_count(self, files: Sequence[Path]) -> int:
        return round(len(files) * self.test_share)

    @property
    def _all_files(self) -> list[Path]:
        return [path for part in PARTS for path in self._files(part)[0]]

    @cached_property
    def _below(self) -> dict[Path, tuple[list[Path], list[Path]]]:
        """The images below each class's folder, and the other files there."""
        folders = [path for place in self._layout.places for path in class_folders(place).values()]
        found = {folder: images_and_others(folder) for folder in folders}
        check_each_once(image for images, _ in found.values() for image in images)
        return found

    @cached_property
    def _headers(self) -> dict[Header, Path]:
        """All sizes and kinds of images that occur, with one file that has each."""
        files = self._all_files
        return dict(zip(in_parallel(files, header, self.progress), files, strict=True))

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


@cache
def warn_once(text: str) -> None:
    """Write a warning to the log once in a process: a command reads its folder several times."""
    LOG.warning(text)
