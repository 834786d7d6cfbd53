"""Torchvision's own data sets share where they lie, how they come, and what is said when they do not."""

import contextlib
import hashlib
import io
import logging
import shutil
from abc import abstractmethod
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, ClassVar

from gcm.atomic_write import NO_ROOM, reason
from gcm.data.base import ImageData, MemorySplit
from gcm.error import DataNotFoundError, InputError
from gcm.lock import locked
from gcm.tensor_check import check_classes

LOG = logging.getLogger(__name__)
UNUSABLE = (OSError, RuntimeError, ValueError, EOFError, AssertionError, LookupError, TypeError, UnpicklingError)
"""The errors that torchvision raises for files that are not found, not as published, or cut off."""


@dataclass(kw_only=True)
class TorchvisionData(ImageData):
    """A data set that torchvision finds below `root`, or downloads there.

    Raises `DataNotFoundError` where it is not there and cannot be downloaded, `InputError` where it is damaged.
    """

    files: ClassVar[str]
    """The files that torchvision looks for, relative to `root`."""
    archives: ClassVar[str] = "*.tar.gz"
    """Archives that torchvision unpacks if they are there, relative to `root`."""
    source: ClassVar[str]
    """The address where the files can be had by hand."""
    shape: ClassVar[tuple[int, int, int]]
    """The shape of an image, `(C,H,W)`."""
    counts: ClassVar[tuple[int, int]]
    """The number of training and of test images, as published."""
    sha256: ClassVar[tuple[str, str]] = ("", "")
    """The hash of the pixels, then the labels, of both splits; empty where torchvision checks the files, or it is not
    known.
    """

    @abstractmethod
    def open(self, root: Path, train: bool, download: bool) -> Any:
        """Open torchvision's data set."""

    @abstractmethod
    def tensors(self, opened: Any) -> MemorySplit:
        """Return its images `(N,C,H,W)` uint8 and labels `(N,)`."""

    def read(self, train: bool) -> MemorySplit:
        opened = self._opened(train)
        try:
            split = self.tensors(opened)
            self.check_published(split, train)
        except (InputError, AttributeError) as error:
            raise InputError(
                f"{self.name} in {self.root} is damaged: {error}; delete {self.files} there and get them again from "
                f"{self.source}"
            ) from None
        return split

    def check_published(self, split: MemorySplit, train: bool) -> None:
        """Raise `InputError` unless images and labels are those that were published."""
        which = 0 if train else 1
        count, sha256 = self.counts[which], self.sha256[which]
        kind, found = "training" if train else "test", tuple(split.images.shape)
        if found != (count, *self.shape):
            raise InputError(f"published are {count:,} {kind} images {self.shape}, got {found[0]:,} {found[1:]}")
        check_classes("labels", split.labels, (count,), len(self.class_names()))
        if sha256 and content_hash(split) != sha256:
            raise InputError(f"pixels or labels of the {kind} images differ from those published (SHA-256)")

    def _opened(self, train: bool) -> Any:
        root = Path(self.root).expanduser()
        opened = self._opened_here(root, train)
        if opened is not None:
            return opened
        if not self.download:
            raise DataNotFoundError(
                f"{self.name} is not complete in {root.resolve()}, where its training had it; say where it is, or may "
                "be downloaded to: data.root="
            )
        was_there = root.exists()
        try:
            with locked(root / f".{self.name}.lock", when_taken=self._say_waiting):
                opened = self._opened_here(root, train)  # by now another process may have brought them
                return self._downloaded(root, train) if opened is None else opened
        except (*UNUSABLE, HTTPException) as error:
            raise DataNotFoundError(
                f"{self.name} is not complete in {root.resolve()} and cannot be downloaded "
                f"({why(error, root)}); expected there: {self.files}; "
                f"delete what is damaged, get them from {self.source}, or set data.root= or GCM_DATA"
            ) from None
        finally:
            if not was_there:
                with contextlib.suppress(OSError):  # not empty
                    root.rmdir()

    def _opened_here(self, root: Path, train: bool) -> Any:
        """Open the data set; None where the files cannot be used."""
        try:
            return self.open(root, train, download=False)
        except UNUSABLE:
            return None

    def _downloaded(self, root: Path, train: bool) -> Any:
        """Download and unpack beside the place, then move there: the files in it are whole, however this ends."""
        beside = root / f".{self.name}.download"
        shutil.rmtree(beside, ignore_errors=True)  # of a killed process
        try:
            for archive in root.glob(self.archives):
                link = beside / archive.relative_to(root)
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(archive.resolve())
            with contextlib.redirect_stdout(io.StringIO()):
                opened = self.open(beside, train, download=True)
            for path in beside.rglob("*"):
                if path.is_file() and not path.is_symlink():
                    place = root / path.relative_to(beside)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.move(path, place)
            return opened
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _say_waiting(self, holder: str) -> None:
        LOG.info(f"waiting: {holder} downloads {self.name}")


def why(error: Exception, root: Path) -> str:
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return reason(error, root)
    return " ".join(str(error).split())[:200]


def content_hash(split: MemorySplit) -> str:
    """Return SHA-256 of the pixels, then the labels."""
    found = hashlib.sha256(split.images.contiguous().numpy().data)
    found.update(split.labels.contiguous().numpy().data)
    return found.hexdigest()
