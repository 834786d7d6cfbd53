"""Insertion tells whether the pixels that an explanation ranks first are enough for the network."""

from torch import Tensor

from gcm.metric.deletion import Deletion


class Insertion(Deletion):
    """Insertion is the area below the probability of a class while its pixels come in, the highest ranked first.

    It is `Deletion` but begins with an image of the baseline alone; large for a faithful map.

    >>> import torch
    >>> from gcm.metric import Insertion
    >>> def network(images):
    ...     return torch.stack([20 * images[:, 0, 0, 0] - 10, torch.zeros(len(images))], 1)  # sees one pixel
    >>> metric = Insertion(steps=4)
    >>> metric.update(network, torch.ones(1, 1, 1, 4), torch.tensor([[[[1.0, 0.0, 0.0, 0.0]]]]), torch.tensor([[0]]))
    >>> round(metric.compute().mean, 3)
    0.875
    """

    higher_is_better = True
    what = (
        "area below the probability of the class while pixels come in, the highest ranked first; large: the pixels "
        "ranked first are enough for the network"
    )

    def kept(self, rank: Tensor, count: int) -> Tensor:
        return rank < count
