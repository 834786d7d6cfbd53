"""Metrics that give one value for each image, so that explanations can be compared image by image."""

from abc import ABC
from typing import NamedTuple

import torch
from scipy import stats
from torch import Tensor

from gcm.error import InputError
from gcm.metric.base import ExactMetric
from gcm.tensor_check import check_finite, check_floats, check_not_empty, check_same_device, check_several_classes
from gcm.types import ShareBelowOne


class Mean(NamedTuple):
    """A mean over images, with its confidence interval (Student's t).

    Attributes:
        mean: the mean over images.
        low, high: the interval; NaN for fewer than two images.
        n: the number of images.

    >>> import torch
    >>> from gcm.metric import mean_with_interval
    >>> mean_with_interval(torch.tensor([0.5]), confidence=0.95)
    Mean(mean=0.5, low=nan, high=nan, n=1)
    """

    mean: float
    low: float
    high: float
    n: int


class ImageMetric(ExactMetric, ABC):
    """An image metric is the mean over images of a value that each image has; it keeps one number an image, no map.

    Args:
        confidence: confidence of the interval.

    >>> import torch
    >>> from gcm.metric import Sparseness
    >>> metric = Sparseness()
    >>> metric.update(torch.tensor([[[[1.0, 1.0]]], [[[0.0, 1.0]]]]))
    >>> metric.per_image(), metric.compute().mean
    (tensor([0.0000, 0.5000], dtype=torch.float64), 0.25)
    """

    def __init__(self, confidence: ShareBelowOne = 0.95) -> None:
        super().__init__()
        self.confidence = confidence
        self.add_state(self.state, [], dist_reduce_fx="cat")

    @property
    def state(self) -> str:
        """The name of the values, each class's own, so that none can be given the values of another."""
        return f"values_of_{type(self).__name__}"

    @property
    def values(self) -> list[Tensor] | Tensor:
        """The values of the images so far: a list of `(B,)`, or `(N,)` once processes have been joined."""
        values: list[Tensor] | Tensor = getattr(self, self.state)
        return values

    def add(self, values: Tensor) -> None:
        """Add a value for each image, `(B,)`."""
        assert isinstance(self.values, list)
        self.values.append(values.detach().to(self.device).double())

    def per_image(self) -> Tensor:
        """Return the values `(N,)`, on the CPU, in the order in which the images came."""
        values = self.values
        if isinstance(values, list):
            values = torch.cat([torch.zeros(0, dtype=self.dtype, device=self.device), *values])
        if not len(values):
            raise InputError(
                f"{type(self).__name__} has seen no image; call update first, and name no compute_groups in a "
                "MetricCollection"
            )
        return values.cpu()

    def compute(self) -> Mean:
        return mean_with_interval(self.per_image(), self.confidence)


def mean_with_interval(values: Tensor, confidence: float = 0.95) -> Mean:
    """Return the mean of values `(N,)`, one or more, with its confidence interval.

    >>> import torch
    >>> from gcm.metric import mean_with_interval
    >>> found = mean_with_interval(torch.tensor([0.2, 0.4, 0.6]), confidence=0.95)
    >>> round(found.low, 2), round(found.mean, 2), round(found.high, 2), found.n
    (-0.1, 0.4, 0.9, 3)
    """
    check_not_empty("values", values)
    values = values.double()
    count, mean = len(values), float(values.mean())
    if count < 2:
        return Mean(mean, torch.nan, torch.nan, count)
    reach = float(stats.t.ppf((1 + confidence) / 2, count - 1)) * float(values.std()) / count**0.5
    return Mean(mean, mean - reach, mean + reach, count)


def standardized(values: Tensor) -> Tensor:
    """Return values with mean 0 and length 1 along the last axis; zeros where all are equal."""
    centred = values - values.mean(-1, keepdim=True)
    length = centred.norm(dim=-1, keepdim=True)
    return torch.where(length > 0, centred / length, 0.0)


def largest(values: Tensor) -> Tensor:
    """Return the largest size along the last axis, which is kept as 1; 1 where all are 0.

    Squares of values divided by it are in range.
    """
    size = values.abs().amax(-1, keepdim=True)
    return size.where(size > 0, 1)


def check_maps(maps: Tensor, like: Tensor | None = None) -> None:
    """Raise `InputError` unless maps are `(B,T,H,W)`, none of these 0, float and finite, and of the shape of others."""
    check_floats("maps", maps)
    if maps.ndim != 4 or (like is not None and maps.shape != like.shape):
        wanted = "(B,T,H,W)" if like is None else str(tuple(like.shape))
        raise InputError(f"maps must be {wanted}, got {tuple(maps.shape)}")
    check_not_empty("maps", maps)
    check_finite("maps", maps)


def check_both_maps(maps: Tensor, others: Tensor) -> None:
    """Raise `InputError` unless two maps that are compared are as `check_maps` wants them."""
    check_maps(others)
    check_maps(maps, others)
    check_same_device("maps", (maps, others))


def check_class_maps(maps: Tensor, logits: Tensor) -> None:
    """Raise `InputError` unless there are maps `(B,K,…)` of every class and its logits `(B,K)`, float and finite.

    Of at least one image and two classes: a single class is always named, and leaves nothing to compare.
    """
    check_floats("maps and logits", maps, logits)
    if maps.ndim < 3 or maps.shape[:2] != logits.shape:
        raise InputError(f"maps must be (B,K,…) and logits (B,K), got {tuple(maps.shape)} and {tuple(logits.shape)}")
    check_not_empty("maps", maps)
    check_several_classes(logits)
    check_same_device("maps and logits", (maps, logits))
    check_finite("maps", maps)
