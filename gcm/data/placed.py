"""Images of which it is known where the evidence of each class lies."""

from dataclasses import dataclass

from torch import Tensor

from gcm.data.base import MemorySplit


@dataclass(frozen=True)
class PlacedSplit(MemorySplit):
    """Attributes:
    places: `(N,K,H,W)` bool, the pixels that show a class; nothing where an image does not show it.
    """

    places: Tensor

    def subset(self, indices: Tensor) -> "PlacedSplit":
        return PlacedSplit(*self[indices], self.places[indices])
