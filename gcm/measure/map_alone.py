"""What is measured on the maps as they are."""

from gcm.measure.base import Classes, Measure, Shown
from gcm.measure.subject import ClassMaps, Subject
from gcm.metric import ImageMetric, LogitResidual, Sparseness
from gcm.types import PositiveCount


class MapSparseness(Measure):
    """Gini coefficient of the maps: `Sparseness`.

    Args:
        images: how many are shown.
        classes: that the network names, or all.
    """

    meaning = "Gini coefficient of the map; 0: even, near 1: on very few pixels"

    def __init__(self, images: PositiveCount = 1000, classes: Classes = "predicted") -> None:
        self.images, self.classes = images, classes

    def metric(self) -> ImageMetric:
        return Sparseness()

    def update(self, metric: ImageMetric, shown: Shown) -> None:
        metric.update(shown.of(self.targets(shown.logits, shown.places)))


class MapCompleteness(Measure):
    """What the maps' sums leave unexplained of the logits: `LogitResidual`, at the maps' own resolution.

    Args:
        images: how many are shown.
    """

    meaning = (
        "what the maps' sums leave unexplained of how the logits differ from class to class, 1 - r^2; 0: they add up"
    )
    all_classes = True

    def __init__(self, images: PositiveCount = 250) -> None:
        self.images = images

    def metric(self) -> ImageMetric:
        return LogitResidual()

    def update(self, metric: ImageMetric, shown: Shown) -> None:
        metric.update(shown.maps.own_size, shown.logits)

    def by_construction(self, subject: Subject) -> str:
        certain = isinstance(subject, ClassMaps) and subject.visualizer.complete
        return "its maps add up to the logits, whatever the network learned" if certain else ""
