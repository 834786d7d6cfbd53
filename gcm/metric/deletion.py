"""Deletion tells whether the pixels that an explanation ranks first are those that the network needs."""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from gcm.data.loader import seeded_generator
from gcm.error import InputError
from gcm.metric.image_metric import check_maps
from gcm.metric.map_metric import Classes, ExplainedBatch, MapMetric
from gcm.model.answer import logits_of
from gcm.precision import widened
from gcm.tensor_check import (
    check_floats,
    check_pixels,
    check_range,
    check_same_device,
    check_several_classes,
    check_whole,
)
from gcm.types import PositiveCount, Seed, Share, ShareBelowOne

Network = Callable[[Tensor], Tensor]
"""Images `(B,C,H,W)` in [0,1] to logits `(B,K)`."""


class Deletion(MapMetric):
    """Deletion is the area below the probability of a class while its pixels are deleted, the highest ranked first.

    Source: Petsiuk et al., "RISE: randomized input sampling for explanation of black-box models", 2018, section 4. In
    [0,1], small for a faithful map. A pixel is deleted in all channels, by setting them to `baseline`; the probability
    is taken after every further `1 / steps` of the pixels, the area by trapezoids. Deletion changes images to such as
    the network has never seen, so areas are to be compared with those of the control `random`, and depend on the
    baseline. Pixels that a map ranks alike are deleted in an order drawn once.

    Args:
        baseline: value of a deleted pixel, in [0,1]; 0: black.
        steps: number of steps between the whole image and none of it.
        seed: seed of the order of pixels ranked alike.
        confidence: confidence of the interval.
        images: number of images of a test set that it looks at.
        classes: the classes whose maps it looks at there.

    >>> import torch
    >>> from gcm.metric import Deletion
    >>> def network(images):
    ...     return torch.stack([20 * images[:, 0, 0, 0] - 10, torch.zeros(len(images))], 1)  # sees one pixel
    >>> image, needed = torch.ones(1, 1, 1, 4), torch.tensor([[[[1.0, 0.0, 0.0, 0.0]]]])
    >>> faithful, wrong = Deletion(steps=4), Deletion(steps=4)
    >>> faithful.update(network, image, needed, torch.tensor([[0]]))
    >>> wrong.update(network, image, -needed, torch.tensor([[0]]))
    >>> round(faithful.compute().mean, 3), round(wrong.compute().mean, 3)
    (0.125, 0.875)
    """

    higher_is_better = False
    what: ClassVar[str] = (
        "area below the probability of the class while pixels are deleted, the highest ranked first; small: the "
        "network needs the pixels ranked first"
    )

    def __init__(
        self,
        baseline: Share = 0.0,
        steps: PositiveCount = 20,
        seed: Seed = 0,
        confidence: ShareBelowOne = 0.95,
        images: PositiveCount = 1000,
        classes: Classes = "predicted",
    ) -> None:
        super().__init__(images, classes, confidence)
        self.baseline, self.steps, self.seed = baseline, steps, seed
        self.meaning = f"{self.what}; value of a pixel that is not there: {baseline:g}"

    def update_with(self, batch: ExplainedBatch) -> None:
        targets = self.targets(batch.logits, batch.places)
        self.update(batch.network, batch.images, batch.maps_of(targets), targets)

    def update(self, network: Network, images: Tensor, maps: Tensor, targets: Tensor) -> None:
        """Count images `(B,C,H,W)` and maps `(B,T,H,W)` of the classes `targets` `(B,T)`; the value is their mean over
        `T`.
        """
        curves = self.curves(network, images, maps, targets).cpu().double()
        self.add(curves.mean(1) @ trapezoid(self.steps))

    @torch.no_grad()
    def curves(self, network: Network, images: Tensor, maps: Tensor, targets: Tensor) -> Tensor:
        """Return the probabilities `(B,T,steps+1)` after each step."""
        check_maps(maps)
        check_floats("images", images)
        if images.ndim != 4 or maps.shape[2:] != images.shape[2:] or len(maps) != len(images):
            raise InputError(f"images {tuple(images.shape)} need maps (B,T,H,W), got {tuple(maps.shape)}")
        check_pixels(images)
        check_whole("targets", targets, maps.shape[:2])
        check_same_device("images, maps and targets", (images, maps, targets))
        rank = self.ranks(maps)  # (B,T,H,W), 0 for what is deleted first
        pixels = maps[0, 0].numel()
        curve = []
        for step in range(self.steps + 1):
            kept = self.kept(rank, round(pixels * step / self.steps))
            perturbed = torch.where(kept.unsqueeze(2), images.unsqueeze(1), self.baseline)  # (B,T,C,H,W)
            logits = logits_of(network, perturbed.flatten(0, 1))
            check_several_classes(logits)
            check_range("targets", targets, logits.shape[1])
            probabilities = widened(logits).softmax(1).unflatten(0, targets.shape)  # (B,T,K)
            curve.append(probabilities.gather(2, targets.unsqueeze(2)).squeeze(2))
        return torch.stack(curve, 2)

    def kept(self, rank: Tensor, count: int) -> Tensor:
        """Return which pixels are left once `count` have been deleted."""
        return rank >= count

    def ranks(self, maps: Tensor) -> Tensor:
        flat = maps.flatten(2)
        order = torch.randperm(flat.shape[2], generator=seeded_generator("cpu", self.seed)).to(maps.device)
        highest_first = order[flat[:, :, order].argsort(dim=2, descending=True, stable=True)]
        return highest_first.argsort(2).view_as(maps)


def trapezoid(steps: int) -> Tensor:
    """Return weights that turn `steps + 1` values, evenly spaced over [0,1], into the area below them, float64."""
    weights = torch.full((steps + 1,), 1 / steps, dtype=torch.float64)
    weights[[0, -1]] /= 2
    return weights
