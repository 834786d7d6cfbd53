"""Deletion and insertion."""

from gcm.measure.base import Classes, Measure, Shown
from gcm.metric import Deletion, ImageMetric, Insertion
from gcm.types import PositiveCount, Share


class DeletionCurve(Measure):
    """Area below the probability of a class while pixels are deleted, the highest ranked first: `Deletion`.

    Args:
        images: how many are shown.
        classes: that the network names, or all.
        baseline: value of a deleted pixel, in [0,1].
        steps: of deletion.
    """

    kind: type[Deletion] = Deletion
    what = (
        "area below the probability of the class while pixels are deleted, the highest ranked first; small: the "
        "network needs the pixels ranked first"
    )

    def __init__(
        self,
        images: PositiveCount = 1000,
        classes: Classes = "predicted",
        baseline: Share = 0.0,
        steps: PositiveCount = 20,
    ) -> None:
        self.images, self.classes, self.baseline, self.steps = images, classes, baseline, steps
        self.meaning = f"{self.what}; value of a pixel that is not there: {baseline:g}"

    def metric(self) -> ImageMetric:
        return self.kind(self.baseline, self.steps)

    def update(self, metric: ImageMetric, shown: Shown) -> None:
        targets = self.targets(shown.logits, shown.places)
        metric.update(shown.subject.network, shown.images, shown.of(targets), targets)


class InsertionCurve(DeletionCurve):
    """Area below the probability of a class while pixels come in, the highest ranked first: `Insertion`."""

    kind = Insertion
    what = (
        "area below the probability of the class while pixels come in, the highest ranked first; large: the pixels "
        "ranked first are enough for the network"
    )
