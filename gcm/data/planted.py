"""Planted images are generated: shapes that bear a class, and distractors that bear none, at known places."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi
from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from gcm.data.base import ImageData
from gcm.data.loader import seeded_generator
from gcm.data.placed import PlacedSplit
from gcm.error import InputError
from gcm.types import Count, NonNegativeNumber, PositiveCount, Seed

CELLS = 3
"""Rows and columns of cells; each cell holds at most one shape."""
SMALLEST = 24
"""The smallest size in pixels in which a shape can be told from others."""
BRIGHTEST_GROUND = 0.35
"""The brightest value of the ground, in units of the pixels' range."""
Distance = Callable[[Tensor, Tensor], Tensor]
"""The signed distance of places `(u, v)` from a shape that fills a circle of radius 1, negative inside."""


def disc(u: Tensor, v: Tensor) -> Tensor:
    return torch.hypot(u, v) - 0.8


def ring(u: Tensor, v: Tensor) -> Tensor:
    return (torch.hypot(u, v) - 0.75).abs() - 0.25


def square(u: Tensor, v: Tensor) -> Tensor:
    return torch.maximum(u.abs(), v.abs()) - 0.75


def triangle(u: Tensor, v: Tensor) -> Tensor:
    return torch.maximum(v, u.abs() * 3**0.5 / 2 - v / 2) - 0.5


def cross(u: Tensor, v: Tensor) -> Tensor:
    return torch.minimum(bar(u, v), bar(v, u))


def bar(u: Tensor, v: Tensor) -> Tensor:
    return torch.maximum(u.abs() - 0.95, v.abs() - 0.3)


def pair(u: Tensor, v: Tensor) -> Tensor:
    """Return the distance from two dots."""
    return torch.hypot(u.abs() - 0.6, v) - 0.35


SHAPES: Mapping[str, Distance] = {"disc": disc, "ring": ring, "square": square, "triangle": triangle, "cross": cross}
"""The shapes that bear a class, one for each."""
DISTRACTORS: tuple[Distance, ...] = (bar, pair)
KINDS = (*SHAPES.values(), *DISTRACTORS)


@dataclass(kw_only=True)
class Planted(ImageData):
    """Planted images show bright shapes on a dark, uneven ground: the label is the class shown most often.

    Other classes are shown once each. So an image holds evidence for several classes, each at a known place
    (`PlacedSplit.places`), beside distractors that are as bright and as large, but the same in all classes. Colours say
    nothing. `root` is not used. Raises `InputError` for settings that do not go together.

    Attributes:
        size: height and width in pixels.
        copies: how often the label's shape is shown; at least twice if there are rivals.
        rivals: number of other classes that are shown, once each.
        distractors: number of shapes of no class.
        contrast: by how much the darkest shape is brighter than the brightest ground, in units of the pixels' range.
        noise: standard deviation of the noise on every value, in units of the pixels' range.
        train_images, test_images: number of images.
        seed: seed of the images.

    >>> from gcm.data import Planted
    >>> data = Planted(train_images=2, test_images=2)
    >>> data.class_names()
    ('disc', 'ring', 'square', 'triangle', 'cross')
    >>> tuple(data.test.images.shape), tuple(data.test.places.shape)
    ((2, 3, 32, 32), (2, 5, 32, 32))
    """

    root: str = ""
    size: PositiveCount = 32
    copies: PositiveCount = 2
    rivals: Count = 2
    distractors: Count = 2
    contrast: Annotated[float, Ge(0), Le(1 - BRIGHTEST_GROUND)] = 0.3
    noise: NonNegativeNumber = 0.05
    train_images: PositiveCount = 10_000
    test_images: PositiveCount = 2_000
    seed: Seed = 0

    name = "planted"

    def __post_init__(self) -> None:
        shown = self.copies + self.rivals + self.distractors
        if shown > CELLS**2:
            raise InputError(f"copies + rivals + distractors must be at most {CELLS**2}, got {shown}")
        if self.rivals >= len(SHAPES):
            raise InputError(f"rivals must be at most {len(SHAPES) - 1}, the other classes; got {self.rivals}")
        if self.rivals and self.copies < 2:
            raise InputError("copies must be at least 2 where there are rivals, or the label would be no rule")
        if self.size < SMALLEST:
            raise InputError(f"size must be at least {SMALLEST} pixels, got {self.size}")

    def class_names(self) -> tuple[str, ...]:
        return tuple(SHAPES)

    def read(self, train: bool) -> PlacedSplit:
        count = self.train_images if train else self.test_images
        draw = seeded_generator("cpu", self.seed, train)
        order = torch.rand(count, len(SHAPES), generator=draw).argsort(1)  # the label, then the rivals
        kinds = torch.cat(
            [
                order[:, :1].expand(-1, self.copies),
                order[:, 1 : 1 + self.rivals],
                torch.randint(len(SHAPES), len(KINDS), (count, self.distractors), generator=draw),
            ],
            1,
        )  # (N,S), of each shape its place in `KINDS`
        cells = torch.rand(count, CELLS**2, generator=draw).argsort(1)
        images = self.grounds(count, draw)
        places = torch.zeros(count, len(SHAPES), self.size, self.size, dtype=torch.bool)
        for kind, cell in zip(kinds.unbind(1), cells.unbind(1), strict=False):
            cover = self.covers(kind, cell, draw)
            darkest = BRIGHTEST_GROUND + self.contrast
            colours = darkest + (1 - darkest) * torch.rand(count, 3, 1, 1, generator=draw)
            images = images * (1 - cover.unsqueeze(1)) + colours * cover.unsqueeze(1)
            bearing = (kind < len(SHAPES)).nonzero().flatten()
            places[bearing, kind[bearing]] |= cover[bearing] > 0.5
        images += self.noise * torch.randn(images.shape, generator=draw)
        return PlacedSplit((images.clamp(0, 1) * 255).round().to(torch.uint8), order[:, 0], places)

    def grounds(self, count: int, draw: torch.Generator) -> Tensor:
        """Draw smooth and dark grounds, `(N,3,H,W)`."""
        coarse = BRIGHTEST_GROUND * torch.rand(count, 3, 4, 4, generator=draw)
        return torch.nn.functional.interpolate(coarse, self.size, mode="bilinear", align_corners=True)

    def covers(self, kinds: Tensor, cells: Tensor, draw: torch.Generator) -> Tensor:
        """Return how far one shape of each image covers each pixel, `(N,H,W)` in [0,1]."""
        count, width = len(kinds), self.size / CELLS
        radius = width * (0.36 + 0.12 * torch.rand(count, generator=draw))
        shift = (width / 2 - radius).unsqueeze(1) * (2 * torch.rand(count, 2, generator=draw) - 1)
        centre = (torch.stack([cells // CELLS, cells % CELLS], 1) + 0.5) * width + shift  # row, column
        turn = 0.3 * (torch.rand(count, generator=draw) - 0.5)
        turn = torch.where(kinds < len(SHAPES), turn, pi * torch.rand(count, generator=draw))
        pixels = torch.arange(self.size) + 0.5
        down, right = ((pixels - middle.unsqueeze(1)) / radius.unsqueeze(1) for middle in centre.unbind(1))
        v, u = down[:, :, None], right[:, None, :]  # (N,H,1), (N,1,W)
        cosine, sine = torch.cos(turn)[:, None, None], torch.sin(turn)[:, None, None]
        u, v = cosine * u + sine * v, cosine * v - sine * u
        distance = torch.empty(count, self.size, self.size)
        for kind, shape in enumerate(KINDS):
            chosen = kinds == kind
            distance[chosen] = shape(u[chosen], v[chosen])
        return (0.5 - distance * radius[:, None, None]).clamp(0, 1)
