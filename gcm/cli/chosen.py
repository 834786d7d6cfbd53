"""The command line chooses among test images, splits and visualizers."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import torch
from omegaconf import DictConfig
from torch import Tensor

from gcm.cli.settings import Settings
from gcm.data import ImageData, Split, class_index
from gcm.error import InputError, listed
from gcm.instantiate import instantiate
from gcm.visualizer import Visualizer

SplitName = Literal["train", "test"]


IMAGES_OF: dict[SplitName, str] = {"train": "training images", "test": "test images"}
"""The names of the images of a split."""


def chosen_images(settings: Settings, labels: Tensor, classes: Sequence[str]) -> Tensor:
    """Return places in the test split: `indices`; or `count` from `start` on, of class `label` or of all classes in
    turn.
    """
    if settings.indices is not None and settings.label is not None:
        raise InputError("indices= and label= both choose images; give one of them")
    if settings.indices is not None:
        wrong = [index for index in settings.indices if index >= len(labels)]
        if wrong or not settings.indices:
            raise InputError(f"indices must name test images 0 to {len(labels) - 1}, got {settings.indices}")
        return torch.tensor(settings.indices)
    if settings.start >= len(labels):
        raise InputError(f"start must be 0 to {len(labels) - 1}, got {settings.start}")
    if settings.label is None:
        candidates = classes_in_turn(labels, settings.start)
    else:
        wanted = class_index(classes, settings.label)
        candidates = [index for index in range(settings.start, len(labels)) if labels[index] == wanted]
    if len(candidates) < settings.count:
        of_class = "" if settings.label is None else f" of class {settings.label}"
        raise InputError(
            f"only {len(candidates)} test images{of_class} from start={settings.start} on, got count={settings.count}"
        )
    return torch.tensor(candidates[: settings.count])


def classes_in_turn(labels: Tensor, start: int) -> list[int]:
    """Return the images from `start` on, in their order, but no class a second time before all have come once."""
    seen: Counter[int] = Counter()
    turns = []
    for index, label in enumerate(labels[start:].tolist(), start):
        turns.append((seen[label], index))
        seen[label] += 1
    return [index for _, index in sorted(turns)]


def the_visualizer(config: DictConfig) -> tuple[str, Visualizer]:
    """Return the one visualizer that `visualizer=` names."""
    if len(config.visualizer) != 1:
        raise InputError(f"task={config.names.task} draws one visualizer, got {listed(config.visualizer)}")
    ((name, part),) = config.visualizer.items()
    return name, instantiate(part, key=f"visualizer.{name}")


def split_of(data: ImageData, name: SplitName) -> Split:
    return {"train": lambda: data.train, "test": lambda: data.test}[name]()
