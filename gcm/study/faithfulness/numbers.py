"""Measures one subject, batch by batch; memory does not grow with the number of images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from gcm.data import ImageData, PlacedSplit, Split, as_pixels
from gcm.measure.base import Measure, Shown, every_class
from gcm.measure.subject import Subject
from gcm.model import Classifier, evaluation_mode
from gcm.model.answer import logits_of
from gcm.tensor_check import check_several_classes

Measures = Mapping[str, Measure]


@dataclass(frozen=True)
class Showing:
    """Attributes:
    split: where the images are from.
    measures: that look at them, by name.
    wanted: how many images each measure is shown, the first ones.
    """

    split: Split
    measures: Measures
    wanted: Mapping[str, int]

    @property
    def count(self) -> int:
        """Images that are shown."""
        return max(self.wanted.values())


def showings(subject: Subject, measures: Measures, data: ImageData, most: int | None = None) -> list[Showing]:
    """What a subject is to be shown; measures that do not fit are left out, those of the same images are together.

    `most`: images that any measure is shown; None: as many as it wants.
    """
    groups: dict[int, tuple[Split, dict[str, Measure]]] = {}
    for name, measure in measures.items():
        if not misfit(subject, measure, data):
            split = measure.split(data)
            groups.setdefault(id(split), (split, {}))[1][name] = measure
    return [
        Showing(
            split,
            fitting,
            {name: min(measure.images, len(split), most or len(split)) for name, measure in fitting.items()},
        )
        for split, fitting in groups.values()
    ]


def measured(
    subject: Subject, shown: Sequence[Showing], batch_size: int, show: Callable[[int], object] = lambda images: None
) -> dict[str, Tensor]:
    """What each measure finds, a value for each image, `(N,)`.

    Args:
        subject: must fit its network.
        shown: to it.
        batch_size: images explained at once.
        show: is told after each batch how many images have been shown.
    """
    with evaluation_mode(subject.network):
        return found_by(subject, shown, batch_size, show)


def found_by(
    subject: Subject, shown: Sequence[Showing], batch_size: int, show: Callable[[int], object]
) -> dict[str, Tensor]:
    """As `measured`, for a network in evaluation mode."""
    found: dict[str, Tensor] = {}
    done = 0
    for showing in shown:
        metrics = {name: measure.metric() for name, measure in showing.measures.items()}
        for indices in batches(list(showing.wanted.values()), batch_size):
            asking = {name: measure for name, measure in showing.measures.items() if indices[0] < showing.wanted[name]}
            batch = shown_to(subject, list(asking.values()), showing.split, indices)
            for name, measure in asking.items():
                measure.update(metrics[name], batch)
            done += len(indices)
            show(done)
        found |= {name: metric.per_image() for name, metric in metrics.items()}
    return found


def misfit(subject: Subject, measure: Measure, data: ImageData) -> str:
    """Why a measure has no number, or an empty string."""
    if reason := subject.misfit() or wrong_size(subject.network, data):
        return reason
    if measure.all_classes and subject.one_map:
        return "one map for all classes"
    return measure.misfit(subject.network, data)


def wrong_size(network: Classifier, data: ImageData) -> str:
    images, _ = data.test[torch.arange(1)]
    if network.any_size or images.shape[1:] == network.spec.shape:
        return ""
    return f"the network takes {network.spec.height}x{network.spec.width} pixels only"


def batches(wanted: Sequence[int], batch_size: int) -> list[Tensor]:
    """Indices of all images that any measure wants; a measure that has had enough is never left amid a batch."""
    parts = pairwise(sorted({0, *wanted}))
    return [batch for first, end in parts for batch in torch.arange(first, end).split(batch_size)]


@torch.no_grad()
def shown_to(subject: Subject, asking: Sequence[Measure], split: Split, indices: Tensor) -> Shown:
    """Maps of the classes that all measures need, where these are the same; of every class otherwise."""
    weight = next(subject.network.parameters())
    images = as_pixels(split[indices][0], weight.device).to(weight.dtype)
    places = split.places[indices].to(weight.device) if isinstance(split, PlacedSplit) else None
    logits = logits_of(subject.network, images)
    check_several_classes(logits)
    first, *others = (measure.targets(logits, places) for measure in asking)
    classes = first if all(torch.equal(first, other) for other in others) else every_class(logits)
    return Shown(subject, images, places, logits, classes, subject.maps(images, classes))
