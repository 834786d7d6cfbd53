"""The values of metrics for one visualizer on one network, batch by batch; memory does not grow with the images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from gcm.data import ImageData, PlacedSplit, Split, as_pixels
from gcm.metric import ExplainedBatch, MapMetric
from gcm.metric.map_metric import every_class, maps_of
from gcm.model import Classifier, evaluation_mode
from gcm.model.answer import logits_of
from gcm.tensor_check import check_several_classes
from gcm.visualizer import Visualizer

Metrics = Mapping[str, MapMetric]


@dataclass(frozen=True)
class SplitMetrics:
    """The metrics that look at the images of one split.

    Attributes:
        split: the images.
        metrics: the metrics by name.
        wanted: number of images that each metric looks at, the first ones.
    """

    split: Split
    metrics: Metrics
    wanted: Mapping[str, int]

    @property
    def count(self) -> int:
        """The number of images that any of them looks at."""
        return max(self.wanted.values())


def metrics_by_split(
    visualizer: Visualizer, network: Classifier, metrics: Metrics, data: ImageData, most: int | None = None
) -> list[SplitMetrics]:
    """Group the metrics that have a value by the images that they look at; the others are left out.

    `most`: images that any metric looks at; None: as many as it wants.
    """
    groups: dict[int, tuple[Split, dict[str, MapMetric]]] = {}
    for name, metric in metrics.items():
        if not why_no_value(visualizer, network, metric, data):
            split = metric.split(data)
            groups.setdefault(id(split), (split, {}))[1][name] = metric
    return [
        SplitMetrics(
            split,
            fitting,
            {name: min(metric.images, len(split), most or len(split)) for name, metric in fitting.items()},
        )
        for split, fitting in groups.values()
    ]


def values_per_image(
    visualizer: Visualizer,
    network: Classifier,
    groups: Sequence[SplitMetrics],
    batch_size: int,
    show: Callable[[int], object] = lambda images: None,
) -> dict[str, Tensor]:
    """Return the values of each metric, one for each image, `(N,)`.

    Args:
        visualizer: the method; it must fit the network.
        network: the classifier that is explained.
        groups: the metrics, from `metrics_by_split`; what they have counted before is forgotten.
        batch_size: images explained at once.
        show: is told after each batch how many images have been looked at.
    """
    values: dict[str, Tensor] = {}
    done = 0
    with evaluation_mode(network):
        for group in groups:
            for metric in group.metrics.values():
                metric.reset()
            for indices in batches(list(group.wanted.values()), batch_size):
                looking = [metric for name, metric in group.metrics.items() if indices[0] < group.wanted[name]]
                batch = explained_batch(visualizer, network, looking, group.split, indices)
                for metric in looking:
                    metric.update_with(batch)
                done += len(indices)
                show(done)
            values |= {name: metric.per_image() for name, metric in group.metrics.items()}
    return values


def why_no_value(visualizer: Visualizer, network: Classifier, metric: MapMetric, data: ImageData) -> str:
    """Return why a metric has no value, or an empty string."""
    if reason := visualizer.misfit(network) or wrong_size(network, data):
        return reason
    if metric.all_classes and not visualizer.class_specific:
        return "one map for all classes"
    return metric.misfit(network, data)


def wrong_size(network: Classifier, data: ImageData) -> str:
    """Return why the network does not take images of this size, or an empty string."""
    images, _ = data.test[torch.arange(1)]
    if network.any_size or images.shape[1:] == network.spec.shape:
        return ""
    return f"the network takes {network.spec.height}x{network.spec.width} pixels only"


def batches(wanted: Sequence[int], batch_size: int) -> list[Tensor]:
    """Yield indices of all images that any metric wants; a metric that has had enough is never left amid a batch."""
    parts = pairwise(sorted({0, *wanted}))
    return [batch for first, end in parts for batch in torch.arange(first, end).split(batch_size)]


@torch.no_grad()
def explained_batch(
    visualizer: Visualizer, network: Classifier, metrics: Sequence[MapMetric], split: Split, indices: Tensor
) -> ExplainedBatch:
    """Explain the classes that all metrics need, where these are the same; every class otherwise."""
    weight = next(network.parameters())
    images = as_pixels(split[indices][0], weight.device).to(weight.dtype)
    places = split.places[indices].to(weight.device) if isinstance(split, PlacedSplit) else None
    logits = logits_of(network, images)
    check_several_classes(logits)
    first, *others = (metric.targets(logits, places) for metric in metrics)
    classes = first if all(torch.equal(first, other) for other in others) else every_class(logits)
    maps = maps_of(visualizer, network, images, classes)
    return ExplainedBatch(visualizer, network, images, places, logits, classes, maps)
