"""Measures one subject, batch by batch; memory does not grow with the number of images."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from gcm.data import ImageData, PlacedSplit, Split, as_pixels
from gcm.measure.base import Measure, Shown
from gcm.measure.subject import Subject

Measures = Mapping[str, Measure]


def measured(
    subject: Subject,
    measures: Measures,
    data: ImageData,
    batch_size: int,
    most: int | None = None,
    show: Callable[[int], object] = lambda images: None,
) -> dict[str, Tensor]:
    """What each measure that fits finds, a value for each image, `(N,)`.

    Args:
        subject: must fit its network.
        measures: by name.
        data: of the subject's network.
        batch_size: images explained at once.
        most: images that any measure is shown; None: as many as it wants.
        show: is told after each batch how many images have been shown.
    """
    found: dict[str, Tensor] = {}
    done = 0
    for split, fitting in by_split(subject, measures, data):
        wanted = wanted_images(fitting, split, most)
        metrics = {name: measure.metric() for name, measure in fitting.items()}
        for indices in batches(list(wanted.values()), batch_size):
            shown = shown_to(subject, split, indices)
            for name, measure in fitting.items():
                if indices[0] < wanted[name]:
                    measure.update(metrics[name], shown)
            done += len(indices)
            show(done)
        found |= {name: metric.per_image() for name, metric in metrics.items()}
    return found


def wanted_images(measures: Measures, split: Split, most: int | None) -> dict[str, int]:
    """How many each measure is shown."""
    return {name: min(measure.images, len(split), most or len(split)) for name, measure in measures.items()}


def image_count(subject: Subject, measures: Measures, data: ImageData, most: int | None) -> int:
    """How many images `measured` shows to the subject."""
    groups = by_split(subject, measures, data)
    return sum(max(wanted_images(fitting, split, most).values()) for split, fitting in groups)


def by_split(subject: Subject, measures: Measures, data: ImageData) -> list[tuple[Split, dict[str, Measure]]]:
    """The measures that fit, those that look at the same images together."""
    groups: dict[int, tuple[Split, dict[str, Measure]]] = {}
    for name, measure in measures.items():
        if not misfit(subject, measure, data):
            split = measure.split(data)
            groups.setdefault(id(split), (split, {}))[1][name] = measure
    return list(groups.values())


def misfit(subject: Subject, measure: Measure, data: ImageData) -> str:
    """Why a measure has no number, or an empty string."""
    if subject.misfit():
        return subject.misfit()
    if measure.all_classes and subject.one_map:
        return "one map for all classes"
    return measure.misfit(subject.network, data)


def batches(wanted: Sequence[int], batch_size: int) -> list[Tensor]:
    """Indices of all images that any measure wants; a measure that has had enough is never left amid a batch."""
    parts = pairwise(sorted({0, *wanted}))
    return [batch for first, end in parts for batch in torch.arange(first, end).split(batch_size)]


def shown_to(subject: Subject, split: Split, indices: Tensor) -> Shown:
    device = next(subject.network.parameters()).device
    images = as_pixels(split[indices][0], device)
    places = split.places[indices].to(device) if isinstance(split, PlacedSplit) else None
    return Shown(subject, images, places, subject.maps(images))
