"""Iterative deletion, as the filter-contribution paper's figure 5 tells it: nothing is remembered from round to round."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Rounds:
    """Attributes: as `gcm.study.region_deletion.numbers.RegionDeletion`, and the importance `(grid,grid)`."""

    wrong_before: int = 0
    order: list = field(default_factory=list)
    counts: list = field(default_factory=list)
    alive: list = field(default_factory=list)
    importance: np.ndarray | None = None


def without(image, regions, grid, fill):
    """The image with regions, numbered row by row, filled."""
    filled = image.copy()
    _, height, width = image.shape
    for d, r, c in np.ndindex(image.shape):
        if (r // (height // grid)) * grid + c // (width // grid) in regions:
            filled[d, r, c] = fill[d]
    return filled


def iterative_deletion(network, images, label, grid, fill):
    """Until no image or no region is left; of equally bad regions the first."""
    found = Rounds(importance=np.zeros(grid * grid))

    def wrong(image, regions):
        return int(np.argmax(network.logits(without(image, regions, grid, fill)))) != label

    found.alive = [not wrong(image, []) for image in images]
    found.wrong_before = found.alive.count(False)
    while any(found.alive) and len(found.order) < grid * grid:
        counts = [0] * (grid * grid)
        for region in range(grid * grid):
            if region not in found.order:
                for image, alive in zip(images, found.alive, strict=True):
                    counts[region] += alive and wrong(image, [*found.order, region])
        candidates = [region for region in range(grid * grid) if region not in found.order]
        worst = max(candidates, key=lambda region: (counts[region], -region))
        found.counts.append(counts)
        found.order.append(worst)
        found.importance += np.array(counts) / len(found.counts)
        found.alive = [
            alive and not wrong(image, found.order) for image, alive in zip(images, found.alive, strict=True)
        ]
    found.importance = found.importance.reshape(grid, grid)
    return found
