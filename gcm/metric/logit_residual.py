"""The logit residual tells whether the sums of maps follow the logits."""

import torch
from torch import Tensor

from gcm.metric.image_metric import check_class_maps, largest, standardized
from gcm.metric.map_metric import ExplainedBatch, MapMetric
from gcm.types import PositiveCount, ShareBelowOne
from gcm.visualizer import Visualizer


class LogitResidual(MapMetric):
    """The logit residual is the share of the logits' differences between classes that the maps' sums leave unexplained.

    It is `1 - r^2`, `r` the correlation over classes of sums and logits; 1 where it is not positive. In [0,1], 0 for
    maps that add up to the logits, up to one factor and one number for all classes: methods differ in their units, and
    a number that is the same in all classes changes no probability. Logits that are all equal leave nothing to explain
    (0). Small is not yet good: `uniform` has 0. On a test set it looks at the maps in their own resolution; tables call
    it `completeness`.

    Args:
        confidence: confidence of the interval.
        images: number of images of a test set that it looks at.

    >>> import torch
    >>> from gcm.metric import LogitResidual
    >>> metric, maps = LogitResidual(), torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1)
    >>> metric.update(maps, 10 * maps.flatten(1) + 3)
    >>> round(metric.compute().mean, 6)
    0.0
    """

    higher_is_better = False
    meaning = (
        "what the maps' sums leave unexplained of how the logits differ from class to class, 1 - r^2; 0: they add up"
    )
    all_classes = True

    def __init__(self, confidence: ShareBelowOne = 0.95, images: PositiveCount = 250) -> None:
        super().__init__(images, confidence=confidence)

    def update_with(self, batch: ExplainedBatch) -> None:
        self.update(batch.maps.own_size, batch.logits)

    def by_construction(self, visualizer: Visualizer) -> str:
        return "its maps add up to the logits, whatever the network learned" if visualizer.complete else ""

    def update(self, maps: Tensor, logits: Tensor) -> None:
        """Count maps `(B,K,…)` of every class and logits `(B,K)`."""
        check_class_maps(maps, logits)
        sums, logits = maps.flatten(2).sum(2, dtype=torch.float64), logits.double()
        sums, wanted = (standardized(values / largest(values)) for values in (sums, logits))  # equal ones become 1
        correlation = (sums * wanted).sum(1).clamp(0, 1)
        self.add(torch.where(wanted.any(1), 1 - correlation**2, 0.0))
