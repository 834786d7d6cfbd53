"""Images that stay on disk and are decoded when asked for."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from gcm.data.base import Batch, MemorySplit, Split
from gcm.data.folder_files import formats_of
from gcm.error import InputError
from gcm.progress import SILENT, Progress

SIZE_IN_HEADER = {"BMP", "GIF", "JPEG", "PNG", "PPM", "WEBP"}
"""Formats whose images do not change their size when they are decoded, as TIFF's, which Pillow turns upright itself."""
GREY_MODES = {"1", "L", "LA", "I", "I;16", "I;16L", "I;16B", "F"}
SIXTEEN_BIT_FORMATS = {"PNG", "PPM"}
"""Formats whose images Pillow may give as 32 bits, of which they use 16."""
EXIF_ORIENTATION = 0x0112
SIDEWAYS = (5, 6, 7, 8)
"""Values of the EXIF orientation by which height and width change places."""
MEND = "; mend or remove it"
MOST_NAMED = 10
AT_ONCE = 1024
"""Files that are waited for together."""
MANY = 10
"""Number of such groups of files from which on reading takes long enough for a progress bar."""

File = TypeVar("File")
Found = TypeVar("Found")


class Header(NamedTuple):
    """An image file's header describes it before it is decoded."""

    height: int
    width: int
    grey: bool


@dataclass(frozen=True)
class FolderSplit(Split):
    """A split on disk: image files, their labels `(N,)`, and the shape that each is brought to, resized to cover it,
    then cut.

    An image is shown as a viewer shows it: turned as its EXIF data say, of an animation or of several pages the first,
    transparent parts on white. 16 bits are scaled to 8; colour profiles are not looked at.
    """

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
        """The size in memory, as uint8, in MiB."""
        return len(self) * self.channels * self.height * self.width / 2**20

    def in_memory(self, progress: Progress = SILENT) -> MemorySplit:
        """Decode all images, in parallel; raises `UnreadableFilesError`."""
        images = torch.empty(len(self), self.channels, self.height, self.width, dtype=torch.uint8)

        def decode(index: int) -> None:
            images[index] = self._image(self.paths[index])

        in_parallel(range(len(self)), decode, progress)
        return MemorySplit(images, self.labels)

    def _image(self, path: Path) -> Tensor:
        with opened(path) as image:
            upright = as_displayed(image).convert("L" if self.channels == 1 else "RGB")
            if upright.size != (self.width, self.height):
                upright = ImageOps.fit(upright, (self.width, self.height), Image.Resampling.BILINEAR)
            pixels = np.array(upright)
        return torch.from_numpy(pixels).view(self.height, self.width, self.channels).permute(2, 0, 1)


class UnreadableFilesError(InputError):
    """Image files that cannot be decoded, each named with its reason, or counted where they are many."""

    def __init__(self, reasons: Sequence[str]) -> None:
        named = "; ".join(reason.removesuffix(MEND) for reason in reasons[:MOST_NAMED])
        others = f"; and {len(reasons) - MOST_NAMED:,} others" if len(reasons) > MOST_NAMED else ""
        count = f"{len(reasons):,} files: " if len(reasons) > 1 else ""
        super().__init__(f"{count}{named}{others}{MEND.replace('it', 'them') if count else MEND}")


def in_parallel(files: Sequence[File], work: Callable[[File], Found], progress: Progress = SILENT) -> list[Found]:
    """Return what `work` gives for each file.

    Raises `UnreadableFilesError` of all files for which it raises `InputError`.
    """

    def attempt(file: File) -> Found | InputError:
        try:
            return work(file)
        except InputError as error:
            return error

    found: list[Found | InputError] = []
    starts = range(0, len(files), AT_ONCE)
    with ThreadPoolExecutor() as pool:
        for start in progress.over(starts, "reading images", len(starts)) if len(starts) > MANY else starts:
            found += pool.map(attempt, files[start : start + AT_ONCE])
    errors = [str(each) for each in found if isinstance(each, InputError)]
    if errors:
        raise UnreadableFilesError(errors)
    return [each for each in found if not isinstance(each, InputError)]


def check_decodes(path: Path) -> None:
    """Raise `InputError` where a file cannot be decoded."""
    with opened(path) as image:
        as_displayed(image)


def as_displayed(image: Image.Image) -> Image.Image:
    """Return an image as a viewer shows it."""
    return on_white(eight_bit(ImageOps.exif_transpose(image), image.format))


def eight_bit(image: Image.Image, file_format: str | None) -> Image.Image:
    """Scale 16-bit images to 8 bits; raises `ValueError` where the range is not known."""
    sixteen = image.mode.startswith("I;16") or (image.mode == "I" and file_format in SIXTEEN_BIT_FORMATS)
    if sixteen and "transparency" in image.info:
        raise ValueError("16 bits with a transparent value; save it with 8 bits")
    if sixteen:
        return Image.fromarray((np.asarray(image).astype(np.float64) / 257).round().astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"32-bit values of unknown range, mode {image.mode}; save it with 8 or 16 bits")
    return image


def on_white(image: Image.Image) -> Image.Image:
    """Lay an image with transparent parts on a white page; others stay as they are."""
    if not image.has_transparency_data:
        return image
    page = Image.new("RGBA", image.size, "white")
    page.alpha_composite(image.convert("RGBA"))
    return page


def header(path: Path) -> Header:
    with opened(path) as image:
        if image.format not in SIZE_IN_HEADER:
            image.load()
        width, height = image.size
        if image.getexif().get(EXIF_ORIENTATION) in SIDEWAYS:
            width, height = height, width
        return Header(height, width, image.mode in GREY_MODES)


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open the image in a file; raises `InputError` that names a file that cannot be decoded."""
    if not os.path.isfile(path):  # a pipe would be waited for
        raise InputError(f"{path} is no file, or cannot be reached{MEND}")
    try:
        with Image.open(path, formats=formats_of(path)) as image:
            yield image
    except Exception as error:  # Pillow raises whatever its decoders stumble over
        raise InputError(f"{path} cannot be read as an image ({error}){MEND}") from None
