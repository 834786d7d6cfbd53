"""Insertion: whether the pixels that an explanation ranks first are enough for the network."""

from torch import Tensor

from gcm.metric.deletion import Deletion


class Insertion(Deletion):
    """Area below the probability of a class while its pixels come in, first those that its map ranks highest.

    The same as `Deletion` but that it begins with an image of the baseline alone; large for a faithful map.
    """

    higher_is_better = True
    what = (
        "area below the probability of the class while pixels come in, the highest ranked first; large: the pixels "
        "ranked first are enough for the network"
    )

    def kept(self, rank: Tensor, count: int) -> Tensor:
        return rank < count
