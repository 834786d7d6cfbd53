"""Important regions are those that a class is recognised by: delete the one that matters most, again and again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gcm.data import Split, as_pixels
from gcm.data.base import check_bytes
from gcm.data.spec import ImageSpec
from gcm.error import InputError, listed
from gcm.model import Classifier, evaluation_mode
from gcm.model.answer import logits_of

Fill = Literal["black", "mean"]
"""The value of a deleted region: 0, or each channel's mean over the training images."""
FILLS: dict[Fill, Callable[[ImageSpec], Sequence[float]]] = {
    "black": lambda spec: [0.0] * spec.channels,
    "mean": lambda spec: spec.mean,
}


@dataclass
class RegionDeletion:
    """A deletion says how far it has come for the images of one class. `R`: regions, row by row; `N`: images.

    Attributes:
        label: the class.
        alive: `(N,)`, images that were classified correctly in every round so far.
        wrong_before: how many were not classified correctly before the first round; they are not counted in any.
        order: the regions deleted so far.
        counts: for each round `(R,)`: how many of the images then alive were misclassified without this region and
        those deleted before. Regions deleted before are no candidates and have 0.
    """

    label: int
    alive: Tensor
    wrong_before: int
    order: list[int]
    counts: list[Tensor]

    @property
    def survivors(self) -> list[int]:
        """The number of images alive before the first round and after each."""
        left = [len(self.alive) - self.wrong_before]
        for region, count in zip(self.order, self.counts, strict=True):
            left.append(left[-1] - int(count[region]))
        return left

    @property
    def end(self) -> str:
        """The reason why it stopped; an empty string while it has not."""
        if not self.survivors[-1]:
            return "no image is left"
        return "no region is left" if self.counts and len(self.order) == len(self.counts[0]) else ""

    def importance(self, grid: int) -> Tensor:
        """Return the counts of all rounds, round `r` weighted by `1/r`: `(grid,grid)`."""
        total = torch.zeros(grid * grid, dtype=torch.float64)
        for number, count in enumerate(self.counts, start=1):
            total += count.double() / number
        return total.view(grid, grid)


class RegionTrial:
    """Deletes regions of images and asks the network.

    A deletion that changes no pixel of an image cannot change what the network says, and a region deleted for good
    leaves the trials of the images it does not change as they were; neither is computed again.
    """

    def __init__(
        self, network: Classifier, images: Tensor, label: int, grid: int, fill: Fill, batch_size: int = 250
    ) -> None:
        """Take `images` `(N,C,H,W)` uint8, all of class `label`, where the network lies, and the regions in a row,
        `grid`.
        """
        check_grid(grid, network.spec)
        check_bytes(images)
        network.check_images(images[:1].float())
        self.network, self.images, self.label, self.grid, self.batch_size = network, images, label, grid, batch_size
        self.fill = torch.tensor(FILLS[fill](network.spec), device=images.device)[:, None, None]  # (C,1,1)
        self.regions = region_masks(grid, images)  # (R,H,W)
        changed = (images.float().div(255) != self.fill).any(1)  # (N,H,W)
        self.changes = torch.stack([(changed & region).flatten(1).any(1) for region in self.regions], 1)  # (N,R)

    @classmethod
    def of_class(
        cls, network: Classifier, split: Split, places: Tensor, label: int, grid: int, fill: Fill
    ) -> "RegionTrial":
        """Return a trial of the images at `places` `(N,)` of a split, all of one class."""
        return cls(network, split[places][0].to(next(network.parameters()).device), label, grid, fill)

    @property
    def mean_image(self) -> Tensor:
        """The mean of all images, `(C,H,W)` in [0,1]."""
        return self.images.float().mean(0).cpu() / 255

    def start(self) -> RegionDeletion:
        nothing = torch.zeros_like(self.regions[0])
        wrong = self.wrong_without(nothing, torch.arange(len(self.images)), None)
        return RegionDeletion(self.label, (~wrong).cpu(), int(wrong.sum()), [], [])

    def run(
        self, deletion: RegionDeletion, after_round: Callable[[RegionDeletion], object] = lambda _: None
    ) -> RegionDeletion:
        """Go on until no image or no region is left."""
        deleted = self.regions[deletion.order].any(0)  # (H,W)
        candidates = torch.ones(len(self.regions), dtype=torch.bool, device=self.images.device)
        candidates[deletion.order] = False
        alive = deletion.alive.to(self.images.device)
        wrong = torch.zeros_like(self.changes)
        stale = alive
        while not deletion.end:
            images, regions = (stale.unsqueeze(1) & self.changes & candidates).nonzero().T
            wrong[images, regions] = self.wrong_without(deleted, images, regions)
            counts = (wrong & alive.unsqueeze(1) & candidates).sum(0)
            worst = int(counts.masked_fill(~candidates, -1).argmax())
            alive = alive & ~wrong[:, worst]
            stale = alive & self.changes[:, worst]
            candidates[worst] = False
            deleted = deleted | self.regions[worst]
            deletion = RegionDeletion(
                self.label,
                alive.cpu(),
                deletion.wrong_before,
                [*deletion.order, worst],
                [*deletion.counts, counts.cpu()],
            )
            after_round(deletion)
        return deletion

    @torch.inference_mode()
    def wrong_without(self, deleted: Tensor, images: Tensor, regions: Tensor | None) -> Tensor:
        """Return whether images are misclassified without a region each, `(P,)`.

        They lie at the places `images` `(P,)`; `deleted` `(H,W)` is filled, and of each its own region of `regions`
        `(P,)` besides.
        """
        found = []
        for number, chunk in enumerate(images.split(self.batch_size)):
            filled = deleted.expand(len(chunk), -1, -1)
            if regions is not None:
                own = regions[number * self.batch_size : (number + 1) * self.batch_size]
                filled = filled | self.regions[own]
            pixels = torch.where(filled.unsqueeze(1), self.fill, as_pixels(self.images[chunk], self.images.device))
            with evaluation_mode(self.network):
                found.append(logits_of(self.network, pixels).argmax(1) != self.label)
        return torch.cat(found) if found else images.new_zeros(0, dtype=torch.bool)


def region_masks(grid: int, images: Tensor) -> Tensor:
    """Return where each region of the images lies, row by row: `(grid*grid,H,W)`."""
    height, width = images.shape[2:]
    device = images.device
    rows = torch.arange(height, device=device) * grid // height
    columns = torch.arange(width, device=device) * grid // width
    numbers = rows.unsqueeze(1) * grid + columns  # (H,W)
    return numbers == torch.arange(grid * grid, device=device)[:, None, None]


def usual_grid(spec: ImageSpec) -> int:
    """Return the paper's 14 regions in a row, or the largest number below that divides the images."""
    return max(count for count in range(1, 15) if not (spec.height % count or spec.width % count))


def check_grid(grid: int, spec: ImageSpec) -> None:
    """Raise `InputError` unless a `grid` x `grid` of equal regions covers the images."""
    if spec.height % grid or spec.width % grid:
        allowed = [
            count
            for count in range(1, min(spec.height, spec.width) + 1)
            if not (spec.height % count or spec.width % count)
        ]
        raise InputError(
            f"grid must divide images of {spec.height}x{spec.width} pixels, got {grid}; allowed: {listed(allowed)}"
        )
