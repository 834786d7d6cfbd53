"""Metrics that give one value for each image, so that explanations can be compared image by image."""

from abc import ABC
from typing import NamedTuple

import torch
from scipy import stats
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from gcm.check import check_finite, check_floats, check_same_device
from gcm.error import InputError
from gcm.setting import ShareBelowOne


class Measured(NamedTuple):
    """Attributes:
    mean: over images.
    low, high: confidence interval of the mean (Student's t); NaN for fewer than two images.
    n: images.
    """

    mean: float
    low: float
    high: float
    n: int


class ImageMetric(Metric, ABC):
    """The mean over images of a value that each image has. It keeps one number an image, no map.

    Args:
        confidence: of the interval.
    """

    full_state_update = False

    values: list[Tensor]

    def __init__(self, confidence: ShareBelowOne = 0.95) -> None:
        super().__init__()
        self.confidence = confidence
        self.add_state("values", [], dist_reduce_fx="cat")

    def add(self, values: Tensor) -> None:
        """One for each image, `(B,)`."""
        self.values.append(values.detach().cpu().double())

    def per_image(self) -> Tensor:
        """`(N,)`, in the order in which the images came."""
        if len(self.values) == 0:  # a list, or a tensor once processes have been joined
            raise InputError(f"{type(self).__name__} has seen no image; call update first")
        values: Tensor = dim_zero_cat(self.values)
        return values

    def compute(self) -> Measured:
        return mean_with_interval(self.per_image(), self.confidence)


def mean_with_interval(values: Tensor, confidence: float = 0.95) -> Measured:
    """Of values `(N,)`."""
    count, mean = len(values), float(values.mean())
    if count < 2:
        return Measured(mean, torch.nan, torch.nan, count)
    reach = float(stats.t.ppf((1 + confidence) / 2, count - 1)) * float(values.std()) / count**0.5
    return Measured(mean, mean - reach, mean + reach, count)


def check_maps(maps: Tensor, like: Tensor | None = None) -> None:
    """Raise `InputError` unless maps are `(B,T,H,W)`, float and finite, and of the same shape as others."""
    check_floats("maps", maps)
    if maps.ndim != 4 or (like is not None and maps.shape != like.shape):
        wanted = "(B,T,H,W)" if like is None else str(tuple(like.shape))
        raise InputError(f"maps must be {wanted}, got {tuple(maps.shape)}")
    check_finite("maps", maps)


def check_both_maps(maps: Tensor, others: Tensor) -> None:
    """The same of two maps that are compared."""
    check_maps(others)
    check_maps(maps, others)
    check_same_device("maps", (maps, others))


def check_class_maps(maps: Tensor, logits: Tensor) -> None:
    """Raise `InputError` unless there are maps `(B,K,…)` of every class and its logits `(B,K)`, float and finite."""
    check_floats("maps and logits", maps, logits)
    if maps.ndim < 3 or maps.shape[:2] != logits.shape or min(maps.shape[1:]) < 1:
        raise InputError(f"maps must be (B,K,…) and logits (B,K), got {tuple(maps.shape)} and {tuple(logits.shape)}")
    check_same_device("maps and logits", (maps, logits))
    check_finite("maps and logits", maps, logits)
