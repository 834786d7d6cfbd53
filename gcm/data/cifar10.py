"""CIFAR-10: 50,000 + 10,000 photographs of ten classes, 32x32 RGB."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gcm.data.base import MemorySplit
from gcm.data.torchvision_data import TorchvisionData


@dataclass(kw_only=True)
class CIFAR10(TorchvisionData):
    """CIFAR-10 holds tiny photographs of ten classes (Krizhevsky, 2009): 50,000 + 10,000, 32x32 RGB.

    >>> from gcm.data import CIFAR10
    >>> CIFAR10(root="data").class_names()[:3], CIFAR10.counts
    (('airplane', 'automobile', 'bird'), (50000, 10000))
    """

    flip: bool = True

    name = "cifar10"
    files = "cifar-10-batches-py/{data_batch_1..5,test_batch,batches.meta}"
    source = "https://www.cs.toronto.edu/~kriz/cifar.html"
    shape = (3, 32, 32)
    counts = (50_000, 10_000)

    def open(self, root: Path, train: bool, download: bool) -> Any:
        from torchvision import datasets  # seconds

        return datasets.CIFAR10(root, train=train, download=download)

    def tensors(self, opened: Any) -> MemorySplit:
        images = torch.from_numpy(opened.data).permute(0, 3, 1, 2).contiguous()  # (N,H,W,C) -> (N,C,H,W)
        return MemorySplit(images, torch.tensor(opened.targets))

    def class_names(self) -> tuple[str, ...]:
        return ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
