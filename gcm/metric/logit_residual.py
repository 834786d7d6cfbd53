"""Completeness of maps: whether their sums follow the logits."""

import torch
from torch import Tensor

from gcm.metric.image_metric import ImageMetric, check_class_maps, largest, standardized


class LogitResidual(ImageMetric):
    """What the sums of an image's maps leave unexplained of how its logits differ from class to class.

    `1 - r^2`, `r` the correlation over classes of sums and logits; 1 where it is not positive. In [0,1], 0 for maps
    that add up to the logits, up to one factor and one number for all classes: methods differ in their units, and what
    is the same in all classes changes no probability. Logits that are all equal leave nothing to explain (0). Small is
    not yet good: `uniform` has 0.
    """

    higher_is_better = False

    def update(self, maps: Tensor, logits: Tensor) -> None:
        """Maps `(B,K,…)` of every class and logits `(B,K)`."""
        check_class_maps(maps, logits)
        sums, logits = maps.flatten(2).sum(2, dtype=torch.float64), logits.double()
        sums, wanted = (standardized(values / largest(values)) for values in (sums, logits))  # equal ones become 1
        correlation = (sums * wanted).sum(1).clamp(0, 1)
        self.add(torch.where(wanted.any(1), 1 - correlation**2, 0.0))
