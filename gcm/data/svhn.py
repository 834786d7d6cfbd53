"""SVHN, format 2: 73,257 + 26,032 house numbers from street views, 32x32 RGB."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gcm.data.base import MemorySplit
from gcm.data.torchvision_data import TorchvisionData


@dataclass(kw_only=True)
class SVHN(TorchvisionData):
    """SVHN holds Street View House Numbers (Netzer et al., 2011); the class is the digit in the middle.

    >>> from gcm.data import SVHN
    >>> SVHN.shape, SVHN.counts
    ((3, 32, 32), (73257, 26032))
    """

    name = "svhn"
    files = "SVHN/{train,test}_32x32.mat"
    source = "http://ufldl.stanford.edu/housenumbers/"
    shape = (3, 32, 32)
    counts = (73_257, 26_032)

    def open(self, root: Path, train: bool, download: bool) -> Any:
        from torchvision import datasets  # seconds

        return datasets.SVHN(root / "SVHN", split="train" if train else "test", download=download)

    def tensors(self, opened: Any) -> MemorySplit:
        return MemorySplit(torch.from_numpy(opened.data).contiguous(), torch.from_numpy(opened.labels).long())

    def class_names(self) -> tuple[str, ...]:
        return tuple(map(str, range(10)))
