"""The maps of the true class respond with some mass, and those of the wrong ones."""

from math import nan
from typing import NamedTuple

import torch
from torch import Tensor

from gcm.data import Split
from gcm.data.loader import pixel_batches
from gcm.model import Interpretable, evaluation_mode
from gcm.progress import SILENT, Progress


class Mass(NamedTuple):
    """Means over test images, in units of the class score (for GCM: mean of the CCM's positive part, or of `|CCM|`).

    Attributes:
        true_positive, true_absolute: mass of the true class's map.
        wrong_positive, wrong_absolute: mass of a wrong class's map, on average.
        n: images.
    """

    true_positive: float
    true_absolute: float
    wrong_positive: float
    wrong_absolute: float
    n: int

    @property
    def positive_ratio(self) -> float:
        """A wrong class's positive mass, in units of the true one's; NaN where that is 0."""
        return self.wrong_positive / self.true_positive if self.true_positive else nan

    @property
    def absolute_ratio(self) -> float:
        return self.wrong_absolute / self.true_absolute if self.true_absolute else nan


def contribution_mass(network: Interpretable, split: Split, batch_size: int = 250, progress: Progress = SILENT) -> Mass:
    """Add up the network's own account of each score: its positive parts, and the size of all its parts."""
    device = next(network.parameters()).device
    sums = torch.zeros(2, 2, dtype=torch.float64)
    with torch.inference_mode(), evaluation_mode(network):
        for pixels, labels in pixel_batches(split, batch_size, device, "contributions", progress):
            parts = network.contributions(pixels).parts.flatten(2)
            masses = torch.stack([parts.clamp_min(0).sum(2), parts.abs().sum(2)]).cpu()  # (2,B,K)
            sums += mass_of_true_and_wrong(masses, labels.cpu())
    (true_positive, wrong_positive), (true_absolute, wrong_absolute) = (sums / len(split)).tolist()
    return Mass(true_positive, true_absolute, wrong_positive, wrong_absolute, len(split))


def mass_of_true_and_wrong(masses: Tensor, labels: Tensor) -> Tensor:
    """Sum masses `(2,B,K)` over images: a row for each kind of mass, true class and mean of the wrong ones `(2,2)`."""
    true = masses.gather(2, labels.expand(2, -1).unsqueeze(2)).squeeze(2)  # (2,B,K) -> (2,B)
    wrong = (masses.sum(2) - true) / (masses.shape[2] - 1)
    return torch.stack([true.sum(1), wrong.sum(1)], dim=1).double()
