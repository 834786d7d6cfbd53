"""Stability tells whether an explanation stays when the image hardly changes."""

import torch

from gcm.data.loader import seeded_generator
from gcm.metric.map_metric import Classes, ExplainedBatch, MapMetric, maps_of
from gcm.metric.relative_change import RelativeChange
from gcm.types import PositiveCount, PositiveNumber, Seed, ShareBelowOne


class Stability(RelativeChange, MapMetric):
    """Stability is how far maps move, relative to their size, when noise is added to the image; small is good.

    All images get the same noise.

    Args:
        images: number of images that are shown.
        classes: the class that the network names on the image without noise, or all.
        deviation: standard deviation of the normal noise, in units of the pixels' range; images stay in [0,1].
        draws: draws of noise for each image.
        seed: seed of the noise.
        confidence: confidence of the interval.

    >>> import torch
    >>> from gcm.metric import Stability
    >>> metric = Stability()
    >>> metric.update(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
    >>> round(metric.compute().mean, 6)
    0.0
    """

    meaning = "how far the map moves, relative to its size, when noise that is hardly seen is added to the image"

    def __init__(
        self,
        images: PositiveCount = 200,
        classes: Classes = "predicted",
        deviation: PositiveNumber = 0.02,
        draws: PositiveCount = 2,
        seed: Seed = 0,
        confidence: ShareBelowOne = 0.95,
    ) -> None:
        MapMetric.__init__(self, images, classes, confidence)
        self.deviation, self.draws, self.seed = deviation, draws, seed

    def update_with(self, batch: ExplainedBatch) -> None:
        targets = self.targets(batch.logits, batch.places)
        noise = torch.randn(
            self.draws, *batch.images.shape[1:], generator=seeded_generator("cpu", self.seed), dtype=torch.float32
        )
        noisy = [
            maps_of(batch.visualizer, batch.network, image, targets).at_image_size
            for image in ((batch.images + self.deviation * draw).clamp(0, 1) for draw in noise.to(batch.images))
        ]
        self.update(batch.maps_of(targets).repeat(1, self.draws, 1, 1), torch.cat(noisy, 1))
