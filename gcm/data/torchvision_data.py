"""What torchvision's own data sets have in common: where they lie, how they come, what is said when they do not."""

import contextlib
import io
import shutil
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.error import URLError

from gcm.data.base import ImageData, MemorySplit
from gcm.error import DataNotFoundError, InputError


@dataclass(kw_only=True)
class TorchvisionData(ImageData):
    """A data set that torchvision finds below `root`, or downloads there."""

    files: ClassVar[str]
    """The files that torchvision looks for, relative to `root`."""
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
        was_there = root.exists()
        try:
            return self.open(root, train, download=False)
        except (RuntimeError, ValueError, EOFError, OSError):  # not found, not as published, or cut off
            pass
        if not self.download:
            raise DataNotFoundError(
                f"{self.name} is not complete in {root.resolve()}, where its training had it; say where it is, or may "
                "be downloaded to: data.root="
            )
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                return self.open(root, train, download=True)
        except (URLError, OSError, RuntimeError, ValueError, EOFError) as error:
            if not was_there and not any(path.is_file() for path in root.rglob("*")):
                shutil.rmtree(root, ignore_errors=True)
            raise DataNotFoundError(
                f"{self.name} is not complete in {root.resolve()} and cannot be downloaded "
                f"({' '.join(str(error).split())[:120]}); expected there: {self.files}; "
                f"get them from {self.source}, or set data.root= or GCM_DATA"
            ) from None
