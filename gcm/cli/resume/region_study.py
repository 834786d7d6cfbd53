"""A study of important regions is read from its run directory."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gcm.cli.chosen import IMAGES_OF, SplitName
from gcm.cli.resume.study import StoredStudy
from gcm.error import InputError
from gcm.study.region_deletion.numbers import Fill
from gcm.types import Count, PositiveCount
from gcm.zoo import SavedNetwork


@dataclass(frozen=True, kw_only=True)
class RegionStudy(StoredStudy):
    """A study of important regions, with all that its numbers depend on but the images.

    Attributes:
        label: the one class that is studied, or None for all.
        grid, fill, split, images_per_class: as in `regions`.
    """

    task = "regions"
    label: Count | None
    grid: PositiveCount
    fill: Fill
    split: SplitName
    images_per_class: PositiveCount

    def __str__(self) -> str:
        return (
            f"{self.images_per_class:,} {IMAGES_OF[self.split]} of each class, {self.grid}x{self.grid} regions, "
            f"deleted: {self.fill}"
        )


def read_importances(directory: Path, saved: SavedNetwork, classes: Sequence[int]) -> dict[int, Tensor]:
    """Read the importances of a finished run of task=regions, of the same network."""
    if RegionStudy.read(directory).weights_sha256 != [saved.card.weights_sha256]:
        raise InputError(f"task.regions={directory} studied another network than {saved.path}")
    importances = {}
    for label in classes:
        path = directory / f"importance_{label}.npy"
        try:
            importances[label] = torch.from_numpy(np.load(path, allow_pickle=False))
        except (OSError, EOFError, ValueError, TypeError, MemoryError) as error:
            raise InputError(
                f"{path} cannot be read ({error}); task.regions= must have studied class "
                f"{saved.card.spec.classes[label]}"
            ) from None
    return importances
