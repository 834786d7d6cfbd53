"""Predictions of a whole test set say how often a network is right, and how two networks' accuracies compare."""

from math import sqrt
from typing import NamedTuple

import torch
from scipy.stats import binomtest
from torch import Tensor

from gcm.data import Split
from gcm.data.loader import pixel_batches
from gcm.model import Classifier, evaluation_mode
from gcm.model.answer import logits_of
from gcm.progress import SILENT, Progress


class Accuracy(NamedTuple):
    """An accuracy is a count of images.

    Attributes:
        right: number of images classified correctly.
        images: number of images.
    """

    right: int
    images: int

    @property
    def share(self) -> float:
        """The accuracy, in [0,1]."""
        return self.right / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy (Wilson)."""
        bounds = binomtest(self.right, self.images).proportion_ci(0.95, method="wilson")
        return float(bounds.low), float(bounds.high)


def accuracy(scores: Tensor, labels: Tensor | int) -> Accuracy:
    """Count the images whose label has the highest score.

    Args:
        scores: logits or probabilities, `(N,K)`.
        labels: `(N,)`, or one for all.
    """
    return Accuracy(int(are_right(scores, labels).sum()), len(scores))


def are_right(scores: Tensor, labels: Tensor | int) -> Tensor:
    """Return for each image whether its label has the highest score, `(N,)`; arguments as in `accuracy`."""
    return scores.argmax(1) == labels


def split_logits(network: Classifier, split: Split, batch_size: int = 500, progress: Progress = SILENT) -> Tensor:
    """Compute the logits `(N,K)` of every image, in order, on the CPU."""
    device = next(network.parameters()).device
    batches = pixel_batches(split, batch_size, device, "logits", progress)
    with torch.inference_mode(), evaluation_mode(network):
        parts = [logits_of(network, pixels).cpu() for pixels, _ in batches]
    return torch.cat(parts).clone()


class Difference(NamedTuple):
    """A difference says how much more accurate one network is than another on the same images, with a 95 % interval."""

    value: float
    low: float
    high: float


def accuracy_difference(first_right: Tensor, second_right: Tensor) -> Difference:
    """Compare two networks on the same images `(N,)`, paired (normal approximation).

    Images that both get right, or both wrong, say nothing.
    """
    scores = first_right.double() - second_right.double()
    margin = 1.96 * sqrt(float(scores.var(correction=0)) / len(scores))
    return Difference(float(scores.mean()), float(scores.mean()) - margin, float(scores.mean()) + margin)
