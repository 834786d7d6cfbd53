"""Completeness of maps: whether their sums follow the logits."""

import torch
from torch import Tensor

from gcm.metric.image_metric import ImageMetric, check_class_maps


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
        sums = maps.flatten(2).sum(2, dtype=torch.float64)
        logits = logits.double()
        sums, wanted = sums - sums.mean(1, keepdim=True), logits - logits.mean(1, keepdim=True)
        together, sizes = (sums * wanted).sum(1), sums.norm(dim=1) * wanted.norm(dim=1)
        correlation = torch.where(sizes > 0, together / sizes, 0.0).clamp(0, 1)
        self.add(torch.where(wanted.any(1), 1 - correlation**2, 0.0))
