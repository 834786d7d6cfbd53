"""Whether evidence lies where it is known to be."""

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from gcm.data import ImageData, PlacedSplit, Split
from gcm.data.grid import grids
from gcm.measure.base import Measure, Shown
from gcm.metric import ImageMetric, Pointing
from gcm.model import Classifier
from gcm.types import PositiveCount, Seed


class PlantedPointing(Measure):
    """Share of positive evidence in its place, on data that know the places of their classes.

    Args:
        images: how many are shown.
    """

    meaning = "share of the positive evidence for a class that lies on the shapes that show it, for every class shown"
    all_classes = True

    def __init__(self, images: PositiveCount = 1000) -> None:
        self.images = images

    def metric(self) -> ImageMetric:
        return Pointing()

    def update(self, metric: ImageMetric, shown: Shown) -> None:
        assert shown.places is not None
        places = shown.places[torch.arange(len(shown.places)).unsqueeze(1), shown.classes]
        metric.update(shown.maps.at_image_size, places)

    def misfit(self, network: Classifier, data: ImageData) -> str:
        return "" if isinstance(data.test, PlacedSplit) else f"nobody knows where in {data.name} the evidence lies"


class GridPointing(PlantedPointing):
    """Share of positive evidence in the right cell of a grid of test images of different classes.

    Args:
        images: grids that are shown.
        rows: of a grid.
        seed: of the choice of test images.
    """

    meaning = (
        "share of the positive evidence for a class that lies in the cell that shows it, in grids of test images, for "
        "every class shown"
    )

    def __init__(self, images: PositiveCount = 250, rows: Annotated[int, Ge(2)] = 2, seed: Seed = 0) -> None:
        super().__init__(images)
        self.rows, self.seed = rows, seed

    def split(self, data: ImageData) -> Split:
        return grids(data, self.rows, self.images, self.seed)

    def targets(self, logits: Tensor, places: Tensor | None) -> Tensor:
        assert places is not None
        shown = places.flatten(2).any(2)  # (B,K), as many in each image
        return shown.nonzero()[:, 1].view(len(shown), -1)

    def misfit(self, network: Classifier, data: ImageData) -> str:
        if not network.any_size:
            return "the network takes images of one size only"
        if isinstance(data.test, PlacedSplit):
            return f"an image of {data.name} shows several classes"
        if len(data.class_names()) < self.rows**2:
            return f"{data.name} has fewer classes than a grid has cells"
        return ""
