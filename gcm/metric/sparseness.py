"""Sparseness tells on how few pixels an explanation lies."""

import torch
from torch import Tensor

from gcm.metric.image_metric import check_maps
from gcm.metric.map_metric import Classes, ExplainedBatch, MapMetric
from gcm.types import PositiveCount, ShareBelowOne


class Sparseness(MapMetric):
    """Sparseness is the Gini coefficient of a map's absolute values, as a mean over classes.

    Source: Chalasani et al., "Concise explanations of neural networks using adversarial training", 2020, section 2.3.
    In [0,1): 0 for an even map, `1 - 1/P` where one of `P` pixels holds everything. A map of zeros counts 0. Sparse is
    not faithful; a single random pixel is as sparse as can be.

    Args:
        confidence: confidence of the interval.
        images: number of images of a test set that it looks at.
        classes: the classes whose maps it looks at there.

    >>> import torch
    >>> from gcm.metric import Sparseness
    >>> metric = Sparseness()
    >>> metric.update(torch.tensor([[[[0.0, 0.0], [0.0, -2.0]]]]))
    >>> round(metric.compute().mean, 6)
    0.75
    """

    higher_is_better = True
    meaning = "Gini coefficient of the map; 0: even, near 1: on very few pixels"

    def __init__(
        self, confidence: ShareBelowOne = 0.95, images: PositiveCount = 1000, classes: Classes = "predicted"
    ) -> None:
        super().__init__(images, classes, confidence)

    def update_with(self, batch: ExplainedBatch) -> None:
        self.update(batch.maps_of(self.targets(batch.logits, batch.places)))

    def update(self, maps: Tensor) -> None:
        """Count maps `(B,T,H,W)`."""
        check_maps(maps)
        sizes = maps.double().abs().flatten(2).sort(2).values
        count = sizes.shape[2]
        place = torch.arange(1, count + 1, device=maps.device, dtype=torch.float64)
        total = sizes.sum(2)
        gini = (sizes * (2 * place - count - 1)).sum(2) / (count * total)
        self.add(gini.where(total > 0, 0.0).mean(1))
