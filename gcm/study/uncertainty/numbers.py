"""A network's probabilities are judged: by covered images, calibration, and telling unlike images apart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from gcm.error import InputError
from gcm.metric import Mean
from gcm.study.accuracy.predictions import are_right
from gcm.study.uncertainty.predictive import PredictiveDistribution
from gcm.tensor_check import check_classes, check_finite

BINS = 15
"""The number of bins of confidence, for calibration."""
RESAMPLES = 200
"""Bootstrap samples of the images, for intervals."""


class Cover(NamedTuple):
    """A cover is a black rectangle.

    Attributes: its first row and column, height and width, in pixels.
    """

    top: int
    left: int
    height: int
    width: int

    def on(self, images: Tensor) -> Tensor:
        """Return images `(N,C,H,W)` with the rectangle; raises `InputError` where it does not lie within them."""
        height, width = images.shape[2:]
        if self.top + self.height > height or self.left + self.width > width:
            raise InputError(
                f"cover must lie within {height}x{width} pixels, got {list(self)} (top, left, height, width)"
            )
        covered = images.clone()
        covered[:, :, self.top : self.top + self.height, self.left : self.left + self.width] = 0
        return covered


@dataclass(frozen=True)
class Calibration:
    """Calibration says how right a network is when it says how sure it is.

    Attributes:
        accuracy: share of the images classified correctly.
        log_loss: mean cross-entropy, in nats.
        error: expected calibration error over `BINS` bins.
        confidences, accuracies, counts: values of each bin, `(BINS,)`; NaN where it is empty.
    """

    accuracy: Mean
    log_loss: Mean
    error: Mean
    confidences: Tensor
    accuracies: Tensor
    counts: Tensor


def calibration(found: PredictiveDistribution, labels: Tensor) -> Calibration:
    """Compare probabilities with the labels `(N,)`."""
    check_classes("labels", labels, found.probabilities.shape[:1], found.probabilities.shape[1])
    check_finite("probabilities", found.probabilities)
    right = are_right(found.probabilities, labels).double()
    losses = -found.probabilities.gather(1, labels.unsqueeze(1)).squeeze(1).clamp_min(1e-12).log()
    confidences, accuracies, counts = binned(found.confidence, right)
    return Calibration(
        resampled(lambda values: values.mean(), (right,)),
        resampled(lambda values: values.mean(), (losses,)),
        reflected(resampled(calibration_error, (found.confidence, right))),
        confidences,
        accuracies,
        counts,
    )


def binned(confidence: Tensor, right: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean confidence and share of right answers in each of `BINS` bins, NaN where it is empty, and its
    count.
    """
    bins = (confidence * BINS).long().clamp_max(BINS - 1)
    counts = torch.bincount(bins, minlength=BINS)
    confidences, accuracies = (torch.bincount(bins, values, minlength=BINS) / counts for values in (confidence, right))
    return confidences, accuracies, counts


def calibration_error(confidence: Tensor, right: Tensor) -> Tensor:
    """Return the expected calibration error, as torchmetrics' l1 norm.

    There float32 puts confidences near 1 into a bin beyond.
    """
    confidences, accuracies, counts = binned(confidence, right)
    return (counts * (confidences - accuracies).abs()).nansum() / counts.sum()


def reflected(measured: Mean) -> Mean:
    """Return the basic bootstrap interval: resampling adds to an absolute value, which the percentiles would keep."""
    mean, low, high, n = measured
    return Mean(mean, max(0.0, 2 * mean - high), max(0.0, 2 * mean - low), n)


@dataclass(frozen=True)
class Detection:
    """A detection says how well a score tells images apart: those unlike the training's from test images.

    Attributes:
        auroc: area below the ROC curve; 0.5: not at all.
        aupr: area below the precision-recall curve (average precision), the unlike ones being sought.
        share: share of the unlike ones among all, which is the `aupr` of a score that knows nothing.
    """

    auroc: Mean
    aupr: Mean
    share: float


def detection(own: Tensor, unlike: Tensor) -> Detection:
    """Judge scores `(N,)` and `(M,)`, large for strange images."""
    check_finite("scores", own, unlike)
    ranks = torch.cat([own, unlike]).unique(return_inverse=True)[1].double()
    within = ranks / max(1.0, float(ranks.max()))  # of scores beyond [0,1] torchmetrics would take the logistic
    groups = tuple((part,) for part in within.split([len(own), len(unlike)]))
    return Detection(
        resampled(lambda *parts: area(binary_auroc, *parts), *groups),
        resampled(lambda *parts: area(binary_average_precision, *parts), *groups),
        len(unlike) / (len(own) + len(unlike)),
    )


def area(below: Callable[..., Tensor], own: Tensor, unlike: Tensor) -> Tensor:
    truth = torch.cat([torch.zeros(len(own)), torch.ones(len(unlike))]).long()
    return below(torch.cat([own, unlike]), truth, validate_args=False)


def resampled(statistic: Callable[..., Tensor], *groups: Sequence[Tensor]) -> Mean:
    """Return a statistic with its 95 % bootstrap interval (percentiles).

    A group is images of one kind, of which one or several values are known; each is drawn from by itself.
    """
    draw = torch.Generator().manual_seed(0)
    samples = torch.zeros(RESAMPLES, dtype=torch.float64)
    for number in range(RESAMPLES):
        drawn = []
        for values in groups:
            chosen = torch.randint(len(values[0]), (len(values[0]),), generator=draw)
            drawn += [value[chosen] for value in values]
        samples[number] = statistic(*drawn)
    low, high = samples.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    whole = float(statistic(*(value for values in groups for value in values)))
    return Mean(whole, low, high, sum(len(values[0]) for values in groups))
