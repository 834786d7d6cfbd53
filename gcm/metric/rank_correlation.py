"""Rank correlation tells how alike two maps rank the pixels."""

import torch
from torch import Tensor

from gcm.metric.image_metric import ImageMetric, check_both_maps, standardized


class RankCorrelation(ImageMetric):
    """Rank correlation is the size of Spearman's correlation of two maps of an image and class, as a mean over classes.

    In [0,1]. Between the maps of a network and of one whose weights were drawn anew it says how much of a map does not
    come from what was learned (Adebayo et al., "Sanity checks for saliency maps", 2018, section 3); small is good. Two
    even maps are alike (1), an even map and another are not (0).

    >>> import torch
    >>> from gcm.metric import RankCorrelation
    >>> metric = RankCorrelation()
    >>> metric.update(torch.tensor([[[[1.0, 2.0, 3.0]]]]), torch.tensor([[[[-1.0, -4.0, -9.0]]]]))  # turned round
    >>> round(metric.compute().mean, 6)
    1.0
    """

    higher_is_better = False

    def update(self, maps: Tensor, others: Tensor) -> None:
        """Count maps and those that they are compared with, both `(B,T,H,W)`."""
        check_both_maps(maps, others)
        first, second = (standardized(ranks(values.flatten(2))) for values in (maps, others))
        correlation = (first * second).sum(2).abs()
        both_even = ~(first.any(2) | second.any(2))
        self.add(torch.where(both_even, 1.0, correlation).mean(1))


def ranks(values: Tensor) -> Tensor:
    """Return ranks along the last axis, `(…,P)`, in float64; equal values get the mean of their ranks."""
    ordered = values.sort(-1).values.contiguous()
    values = values.contiguous()
    below = torch.searchsorted(ordered, values)
    up_to = torch.searchsorted(ordered, values, right=True)
    return (below + up_to).double() / 2
