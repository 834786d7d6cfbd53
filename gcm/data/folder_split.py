"""Images that stay on disk and are decoded when asked for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from gcm.data.base import Batch, MemorySplit, Split
from gcm.error import InputError

GREY_MODES = {"1", "L", "LA", "I", "I;16", "I;16B", "F"}
EXIF_ORIENTATION = 0x0112
FIRST_SIDEWAYS_ORIENTATION = 5


class Header(NamedTuple):
    """What an image file says of itself before it is decoded."""

    height: int
    width: int
    grey: bool


@dataclass(frozen=True)
class FolderSplit(Split):
    """Image files, their labels `(N,)`, and the shape that each is brought to: resized to cover it, then cut."""

    paths: Sequence[Path]
    labels: Tensor
    channels: int
    height: int
    width: int

    def __getitem__(self, indices: Tensor) -> Batch:
        return torch.stack([self._image(self.paths[index]) for index in indices.tolist()]), self.labels[indices]

    def subset(self, indices: Tensor) -> "FolderSplit":
        paths = [self.paths[index] for index in indices.tolist()]
        return FolderSplit(paths, self.labels[indices], self.channels, self.height, self.width)

    @property
    def megabytes(self) -> float:
        """Size in memory, as uint8."""
        return len(self) * self.channels * self.height * self.width / 2**20

    def in_memory(self) -> MemorySplit:
        return MemorySplit(*self[torch.arange(len(self))])

    def _image(self, path: Path) -> Tensor:
        with opened(path) as image:
            upright = ImageOps.exif_transpose(eight_bit(image)).convert("L" if self.channels == 1 else "RGB")
            if upright.size != (self.width, self.height):
                upright = ImageOps.fit(upright, (self.width, self.height), Image.Resampling.BILINEAR)
            pixels = np.array(upright)
        return torch.from_numpy(pixels).view(self.height, self.width, self.channels).permute(2, 0, 1)


def eight_bit(image: Image.Image) -> Image.Image:
    """16-bit images scaled to 8 bits; those whose range is not known are refused."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image).astype(np.float64) / 257).round().astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"32-bit values of unknown range, mode {image.mode}; save it with 8 or 16 bits")
    return image


def header(path: Path) -> Header:
    with opened(path) as image:
        width, height = image.size
        if image.getexif().get(EXIF_ORIENTATION, 1) >= FIRST_SIDEWAYS_ORIENTATION:
            width, height = height, width
        return Header(height, width, image.mode in GREY_MODES)


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The image in a file; a file that cannot be decoded is named."""
    try:
        with Image.open(path) as image:
            yield image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be read as an image ({error}); mend or remove it") from None
