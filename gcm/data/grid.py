"""Grids put test images of different classes side by side."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from gcm.data.base import ImageData
from gcm.data.loader import seeded_generator
from gcm.data.placed import PlacedSplit
from gcm.error import InputError
from gcm.instantiate import instantiate
from gcm.types import PositiveCount, Seed


@dataclass(kw_only=True)
class Grid(ImageData):
    """A grid is `rows` x `rows` test images of another data set side by side, no class twice; for networks of any size.

    Source: the grid pointing game of Böhle et al., "Convolutional dynamic alignment networks for interpretable
    classifications", 2021. Departure: the images are drawn at random, not those a network is surest of. All classes
    shown have their evidence in their own cell (`PlacedSplit.places`); the label is the class of the upper left image.
    Raises `InputError` where there are fewer classes than cells.

    Attributes:
        of: the settings of the other data set. `root` and settings of trainings are not used.
        rows: rows of images; `rows * rows` different classes are needed.
        grids: number of grids.
        seed: seed of the choice.

    >>> from gcm.data import Grid
    >>> grid = Grid(of={"_target_": "gcm.data.Planted", "test_images": 50}, rows=2, grids=3)
    >>> tuple(grid.test.images.shape), tuple(grid.test.places.shape)
    ((3, 3, 64, 64), (3, 5, 64, 64))
    """

    root: str = ""
    of: dict[str, Any]
    rows: PositiveCount = 2
    grids: PositiveCount = 500
    seed: Seed = 0

    name = "grid"

    @cached_property
    def source(self) -> ImageData:
        data: ImageData = instantiate(self.of, key="data.of")
        data.progress = self.progress
        return data

    def class_names(self) -> tuple[str, ...]:
        return self.source.class_names()

    def read(self, train: bool) -> PlacedSplit:
        if train:
            raise InputError("data=grid has no training images: train on the data that it is made of")
        return grids(self.source, self.rows, self.grids, self.seed)


def grids(data: ImageData, rows: int, count: int, seed: int) -> PlacedSplit:
    """Draw grids; raises `InputError` where there are fewer classes than cells."""
    classes, cells = len(data.class_names()), rows * rows
    if classes < cells:
        raise InputError(f"a grid of {rows}x{rows} images needs {cells} classes; {data.name} has {classes}")
    draw = seeded_generator("cpu", seed)
    shown = torch.rand(count, classes, generator=draw).argsort(1)[:, :cells]  # (N,cells), classes
    of_class = [(data.test.labels == label).nonzero().flatten() for label in range(classes)]
    empty = [name for name, places in zip(data.class_names(), of_class, strict=True) if not len(places)]
    if empty:
        raise InputError(f"{data.name} has no test image of {', '.join(empty)}")
    lots = torch.rand(count, cells, generator=draw)
    indices = torch.empty(count, cells, dtype=torch.long)
    for label, places in enumerate(of_class):
        cell = shown == label
        indices[cell] = places[(lots[cell] * len(places)).long()]
    images, _ = data.test[indices.flatten()]
    _, channels, height, width = images.shape
    tiles = images.view(count, rows, rows, channels, height, width)
    joined = tiles.permute(0, 3, 1, 4, 2, 5).reshape(count, channels, rows * height, rows * width)
    return PlacedSplit(joined, shown[:, 0], cell_places(shown, classes, rows, height, width))


def cell_places(shown: Tensor, classes: int, rows: int, height: int, width: int) -> Tensor:
    """Return the places of each class, `(N,K,rows*height,rows*width)`, from the classes of the cells `(N,cells)`."""
    places = torch.zeros(len(shown), classes, rows, height, rows, width, dtype=torch.bool)
    for cell in range(rows * rows):
        row, column = divmod(cell, rows)
        places[torch.arange(len(shown)), shown[:, cell], row, :, column] = True
    return places.view(len(shown), classes, rows * height, rows * width)
