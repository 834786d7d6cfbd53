"""A spec is all that a network must know of its images."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gcm.error import InputError, listed, shortened
from gcm.untrusted import UNPRINTABLE

LARGEST_SIDE = 2**14
LONGEST_NAME = 255
"""The most characters of a class's name, as long as the name of a folder can be."""


@dataclass(frozen=True)
class ImageSpec:
    """A spec is the shape of the images, the classes' names, and the mean of each channel over the training images.

    `mean` holds one number in [0,1] for each channel; networks that centre their input subtract it. Raises `InputError`
    for sizes, names or means that no images have.

    >>> from gcm.data import ImageSpec
    >>> ImageSpec.of(channels=1, size=28, classes=3)
    ImageSpec(channels=1, height=28, width=28, classes=('0', '1', '2'), mean=(0.5,))
    """

    channels: int
    height: int
    width: int
    classes: tuple[str, ...]
    mean: tuple[float, ...]

    def __post_init__(self) -> None:
        if not 1 <= min(self.shape) <= max(self.shape) <= LARGEST_SIDE:
            raise InputError(f"channels, height and width must be 1 to {LARGEST_SIDE}, got {self.shape}")
        if len(self.classes) < 2:
            raise InputError(f"a classifier needs two classes or more, got {list(self.classes)}")
        if len(set(self.classes)) < len(self.classes):
            raise InputError(f"classes must have different names, got {list(self.classes)}")
        for name in self.classes:
            if UNPRINTABLE.search(name) or not 1 <= len(name) <= LONGEST_NAME:
                raise InputError(
                    f"a class's name must be 1 to {LONGEST_NAME} printable characters, got {shortened(repr(name))}"
                )
        if len(self.mean) != self.channels:
            raise InputError(f"mean must hold one value for each of {self.channels} channels, got {len(self.mean)}")

    @classmethod
    def of(cls, channels: int, size: int, classes: int) -> "ImageSpec":
        """Return the spec of square images and classes named `0`, `1`, …: enough to build a network by hand."""
        return cls(channels, size, size, tuple(map(str, range(classes))), (0.5,) * channels)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "ImageSpec":
        return cls(**{**fields, "classes": tuple(fields["classes"]), "mean": tuple(fields["mean"])})

    def to_dict(self) -> dict[str, Any]:
        """Return plain values only, for files."""
        return {**asdict(self), "classes": list(self.classes), "mean": list(self.mean)}

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.channels, self.height, self.width


def class_index(classes: Sequence[str], label: int | str) -> int:
    """Return the index of a class by name or by number; a name wins over a number.

    Raises `InputError` where there is no such class.

    >>> from gcm.data import class_index
    >>> class_index(("cat", "dog"), "dog"), class_index(("cat", "dog"), 0)
    (1, 0)
    """
    if str(label) in classes:
        return list(classes).index(str(label))
    if isinstance(label, int) and 0 <= label < len(classes):
        return label
    raise InputError(f"no class {label!r}; the classes are {listed(classes)}; choose with label= (or task.classes=)")
