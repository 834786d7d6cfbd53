"""Grid pointing tells whether evidence lies in the right cell of a grid of images."""

from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from gcm.data import ImageData, PlacedSplit, Split
from gcm.data.grid import grids
from gcm.metric.pointing import Pointing
from gcm.model import Classifier
from gcm.types import PositiveCount, Seed, ShareBelowOne


class GridPointing(Pointing):
    """Grid pointing is the share of positive evidence in the right cell of a grid of test images of different classes.

    A random map gets `1 / rows**2`. The grids are those of `gcm.data.Grid`; `Pointing` names the source.

    Args:
        images: number of grids that are shown.
        rows: rows of a grid.
        seed: seed of the choice of test images.
        confidence: confidence of the interval.

    >>> import torch
    >>> from gcm.metric import GridPointing
    >>> metric = GridPointing(rows=2)
    >>> cell = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    >>> cell[..., :2, :2] = True
    >>> metric.update(torch.ones(1, 1, 4, 4), cell)
    >>> round(metric.compute().mean, 6)
    0.25
    """

    meaning = (
        "share of the positive evidence for a class that lies in the cell that shows it, in grids of test images, for "
        "every class shown"
    )

    def __init__(
        self,
        images: PositiveCount = 250,
        rows: Annotated[int, Ge(2)] = 2,
        seed: Seed = 0,
        confidence: ShareBelowOne = 0.95,
    ) -> None:
        super().__init__(confidence, images)
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
