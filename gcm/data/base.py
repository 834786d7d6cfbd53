"""Images in official splits, held in memory as one uint8 tensor where they fit."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.utils.data import Dataset

from gcm.data.batch_size import batches_of
from gcm.data.spec import ImageSpec
from gcm.error import InputError
from gcm.progress import SILENT
from gcm.tensor_check import described
from gcm.types import Count, PositiveCount, Seed, Workers

Batch = tuple[Tensor, Tensor]
"""A batch is images `(B,C,H,W)` uint8 and labels `(B,)` int64."""
Unlike = Literal["emnist_letters", "fashion_mnist", "inverted", "noise"]
"""Kinds of images that a network was not trained on: other data sets, negatives, and noise."""


def as_pixels(images: Tensor, device: torch.device | str) -> Tensor:
    """Turn uint8 images `(B,C,H,W)` into what networks take: float in [0,1], on a device.

    Raises `InputError` for images that are no bytes.

    >>> import torch
    >>> from gcm.data import as_pixels
    >>> as_pixels(torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 1, 1, 3), "cpu").flatten()
    tensor([0.0000, 0.2000, 1.0000])
    """
    check_bytes(images)
    return images.to(device).float().div_(255)


def check_bytes(images: Tensor) -> None:
    """Raise `InputError` unless `images` are `(B,C,H,W)` uint8."""
    if not (isinstance(images, Tensor) and images.ndim == 4 and images.dtype == torch.uint8):
        raise InputError(f"stored images must be uint8 (N,C,H,W), got {described(images)}")


class Split(Dataset[Batch], ABC):
    """A split holds labelled images, fetched many at a time: `images, labels = split[indices]`.

    >>> import torch
    >>> from gcm.data import Planted
    >>> split = Planted(test_images=4).test
    >>> images, labels = split[torch.tensor([0, 2])]
    >>> len(split), images.dtype, tuple(images.shape), tuple(labels.shape)
    (4, torch.uint8, (2, 3, 32, 32), (2,))
    """

    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def __getitem__(self, indices: Tensor) -> Batch: ...

    @abstractmethod
    def subset(self, indices: Tensor) -> "Split": ...


@dataclass(frozen=True)
class MemorySplit(Split):
    """A split in memory: images `(N,C,H,W)` uint8 and labels `(N,)` int64.

    Raises `InputError` where they are of other types, or not as many as each other.

    >>> import torch
    >>> from gcm.data import MemorySplit
    >>> split = MemorySplit(torch.zeros(3, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1, 1]))
    >>> split.subset(torch.tensor([2])).labels
    tensor([1])
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        check_bytes(self.images)
        if not isinstance(self.labels, Tensor) or self.labels.dtype != torch.int64 or self.labels.ndim != 1:
            raise InputError(f"labels must be int64 (N,), got {described(self.labels)}")
        if len(self.labels) != len(self.images):
            raise InputError(
                f"each image must have a label, got {len(self.images)} images and {len(self.labels)} labels"
            )

    def __getitem__(self, indices: Tensor) -> Batch:
        return self.images[indices], self.labels[indices]

    def subset(self, indices: Tensor) -> "MemorySplit":
        return MemorySplit(*self[indices])


@dataclass(kw_only=True)
class ImageData(ABC):
    """A data set: classes, official splits, and how training batches are drawn.

    Attributes:
        root: directory below which the data lie, or are downloaded to.
        batch_size: images in a batch, for each process.
        val_size: number of training images set aside for validation; 0 trains on all of them.
        split_seed: seed that picks the validation images.
        crop_padding: training images are shifted by up to this many pixels, their border mirrored; 0: not at all.
        flip: whether training images are mirrored left to right at random.
        erased_square: side of a square that is blackened in each training image, at a random place; 0: none.
        workers: processes that fetch batches; 0 is best for images in memory.
        unlike: kinds of images that a network trained on these data should find strange.
        download: whether data that are missing may be fetched into `root`.

    >>> from gcm.data import Planted
    >>> data = Planted(train_images=50, test_images=20, val_size=10)
    >>> len(data.train), len(data.validation), len(data.test), data.spec.shape
    (40, 10, 20, (3, 32, 32))
    """

    root: str
    batch_size: PositiveCount = 128
    val_size: Count = 0
    split_seed: Seed = 0
    crop_padding: Count = 4
    flip: bool = False
    erased_square: Count = 0
    workers: Workers = 0
    unlike: Unlike | tuple[Unlike, ...] = ("inverted", "noise")
    download: bool = True

    name: ClassVar[str]
    whole_epochs: ClassVar[bool] = False
    """Whether an epoch has every training image, in batches nearly alike in size; else all batches are full."""
    progress = SILENT
    """The watcher of the reading of many files; no setting, but put here by whoever wants to see it."""

    @abstractmethod
    def read(self, train: bool) -> Split:
        """Read the official training or test split, whole."""

    @abstractmethod
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def validated(self) -> bool:
        """Whether there are validation images."""
        return self.val_size > 0

    @property
    def tested(self) -> bool:
        """Whether there are test images."""
        return True

    @property
    def splits(self) -> list[Split]:
        """All splits that there are."""
        return [
            self.train,
            *([self.validation] if self.validated else []),
            *([self.test] if self.tested else []),
        ]

    def check(self) -> None:
        """Read all splits; raise `InputError` for a fault in any, before a training rather than after it."""
        _ = self.splits

    def chosen(self) -> dict[str, Any]:
        """Return values for the settings that are null, as the images want them."""
        return {}

    @property
    def images_at_once(self) -> int:
        """The number of images in a batch in evaluation, where it makes no difference."""
        return self.batch_size

    @property
    def batches_in_epoch(self) -> int:
        """The number of batches in an epoch of a training in one process."""
        return batches_of(len(self.train), self.batch_size, self.whole_epochs)

    @cached_property
    def test(self) -> Split:
        return self.read(train=False)

    @cached_property
    def train(self) -> Split:
        if not self.val_size:
            return self._official_train
        return self._official_train.subset(self._train_order[self.val_size :])

    @cached_property
    def validation(self) -> Split:
        return self._official_train.subset(self._train_order[: self.val_size])

    @cached_property
    def _official_train(self) -> Split:
        return self.read(train=True)

    @cached_property
    def _train_order(self) -> Tensor:
        """The indices of the official training images: first those for validation, then those to train on."""
        count = len(self._official_train)
        if self.val_size >= count:
            raise InputError(
                f"data.val_size must be less than the {count} training images of {self.name}, got {self.val_size}"
            )
        shuffled = torch.randperm(count, generator=torch.Generator().manual_seed(self.split_seed))
        return torch.cat([shuffled[: self.val_size].sort().values, shuffled[self.val_size :].sort().values])

    @cached_property
    def spec(self) -> ImageSpec:
        images, _ = self.train[torch.arange(1)]
        _, channels, height, width = images.shape
        return ImageSpec(channels, height, width, self.class_names(), channel_means(self.train))


def channel_means(split: Split, chunk: int = 1024) -> tuple[float, ...]:
    """Return the mean of each channel in [0,1], summed in whole numbers so that it is exact."""
    total, pixels = torch.zeros(1, dtype=torch.int64), 0
    for indices in torch.arange(len(split)).split(chunk):
        images, _ = split[indices]
        total = total + images.sum((0, 2, 3), dtype=torch.int64)  # (B,C,H,W) -> (C)
        pixels += images[:, 0].numel()
    return tuple((total.double() / (255 * pixels)).tolist())
