"""Stability tells whether an explanation stays when the image hardly changes."""

import torch

from gcm.data.loader import seeded_generator
from gcm.metric.map_metric import Classes, ExplainedBatch, MapMetric, maps_of
from gcm.metric.relative_change import RelativeChange
from gcm.types import PositiveCount, PositiveNumber, Seed, ShareBelowOne


class Stability(RelativeChange, MapMetric):
    """How far maps move, relative to their size, when noise is added to the image; the same noise for all images.

    Args:
        images: how many are shown.
        classes: that the network names on the image without noise, or all.
        deviation: of the normal noise, in units of the pixels' range; images stay in [0,1].
        draws: of noise, for each image.
        seed: of the noise.
        confidence: of the interval.
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
