"""Placed images have their evidence of each class at known places."""

from dataclasses import dataclass

from torch import Tensor

from gcm.data.base import MemorySplit


@dataclass(frozen=True)
class PlacedSplit(MemorySplit):
    """A placed split knows which pixels show each class.

    Attributes:
        places: pixels that show a class, `(N,K,H,W)` bool; nothing where an image does not show it.

    >>> from gcm.data import Planted
    >>> split = Planted(test_images=2).test
    >>> tuple(split.places.shape), split.places.flatten(2).any(2).sum(1)  # the label and two rivals in each image
    ((2, 5, 32, 32), tensor([3, 3]))
    """

    places: Tensor

    def subset(self, indices: Tensor) -> "PlacedSplit":
        return PlacedSplit(*self[indices], self.places[indices])
