"""Whether an explanation stays when the image hardly changes."""

import torch

from gcm.data.loader import seeded_generator
from gcm.measure.base import Classes, Measure, Shown
from gcm.metric import ImageMetric, RelativeChange
from gcm.types import PositiveCount, PositiveNumber, Seed


class Stability(Measure):
    """How far maps move, relative to their size, when noise is added to the image; the same noise for all images.

    Args:
        images: how many are shown.
        classes: that the network names on the image without noise, or all.
        deviation: of the normal noise, in units of the pixels' range; images stay in [0,1].
        draws: of noise, for each image.
        seed: of the noise.
    """

    meaning = "how far the map moves, relative to its size, when noise that is hardly seen is added to the image"

    def __init__(
        self,
        images: PositiveCount = 200,
        classes: Classes = "predicted",
        deviation: PositiveNumber = 0.02,
        draws: PositiveCount = 2,
        seed: Seed = 0,
    ) -> None:
        self.images, self.classes, self.deviation, self.draws, self.seed = images, classes, deviation, draws, seed

    def metric(self) -> ImageMetric:
        return RelativeChange()

    def update(self, metric: ImageMetric, shown: Shown) -> None:
        targets = self.targets(shown.logits, shown.places)
        noise = torch.randn(
            self.draws, *shown.images.shape[1:], generator=seeded_generator("cpu", self.seed), dtype=torch.float32
        )
        noisy = [
            shown.subject.maps((shown.images + self.deviation * draw).clamp(0, 1), targets).at_image_size
            for draw in noise.to(shown.images)
        ]
        metric.update(shown.of(targets).repeat(1, self.draws, 1, 1), torch.cat(noisy, 1))
