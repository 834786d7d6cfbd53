"""What torchvision's own data sets have in common: where they lie, how they come, what is said when they do not."""

import contextlib
import io
import shutil
from abc import abstractmethod
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, ClassVar

from gcm.console import say
from gcm.data.base import ImageData, MemorySplit
from gcm.error import DataNotFoundError, InputError
from gcm.file import NO_ROOM, reason
from gcm.lock import locked

UNUSABLE = (OSError, RuntimeError, ValueError, EOFError, AssertionError, LookupError, TypeError)
"""What torchvision raises for files that are not found, not as published, or cut off."""


@dataclass(kw_only=True)
class TorchvisionData(ImageData):
    """A data set that torchvision finds below `root`, or downloads there."""

    files: ClassVar[str]
    """The files that torchvision looks for, relative to `root`."""
    archives: ClassVar[str] = "*.tar.gz"
    """Archives that torchvision unpacks if they are there, relative to `root`."""
    source: ClassVar[str]
    """Where they can be had by hand."""

    @abstractmethod
    def open(self, root: Path, train: bool, download: bool) -> Any:
        """torchvision's data set."""

    @abstractmethod
    def tensors(self, opened: Any) -> MemorySplit:
        """Its images `(N,C,H,W)` uint8 and labels `(N,)`."""

    def read(self, train: bool) -> MemorySplit:
        split = self.tensors(self._opened(train))
        if len(split.images) != len(split.labels) or split.labels.max() >= len(self.class_names()):
            raise InputError(
                f"{self.name} in {self.root} is damaged: {len(split.images)} images, {len(split.labels)} labels up to "
                f"{int(split.labels.max())}; delete {self.files} there and get them again from {self.source}"
            )
        return split

    def _opened(self, train: bool) -> Any:
        root = Path(self.root).expanduser()
        opened = self._opened_here(root, train)
        if opened is not None:
            return opened
        was_there = root.exists()
        try:
            with locked(root / f".{self.name}.lock", when_taken=self._say_waiting):
                opened = self._opened_here(root, train)  # by now another process may have brought them
                return self._downloaded(root, train) if opened is None else opened
        except (*UNUSABLE, HTTPException) as error:
            raise DataNotFoundError(
                f"{self.name} is not complete in {root.resolve()} and cannot be downloaded "
                f"({why(error, root)}); expected there: {self.files}; "
                f"get them from {self.source}, or set data.root= or GCM_DATA"
            ) from None
        finally:
            if not was_there:
                with contextlib.suppress(OSError):  # not empty
                    root.rmdir()

    def _opened_here(self, root: Path, train: bool) -> Any:
        """None where the files cannot be used."""
        try:
            return self.open(root, train, download=False)
        except UNUSABLE:
            return None

    def _downloaded(self, root: Path, train: bool) -> Any:
        """Downloaded and unpacked beside, then moved into place: what lies there is whole, however this ends."""
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
        say(f"waiting: {holder} downloads {self.name}")


def why(error: Exception, root: Path) -> str:
    full = isinstance(error, OSError) and error.errno in NO_ROOM
    return " ".join((reason(error, root) if full else str(error)).split())[:200]
