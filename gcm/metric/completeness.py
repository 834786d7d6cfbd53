"""Completeness: how far a network's account of its scores is from the scores."""

from typing import NamedTuple

import torch
from torch import Tensor

from gcm.error import InputError
from gcm.metric.base import ExactMetric
from gcm.model import Contributions
from gcm.tensor_check import check_finite, check_floats, check_not_empty, check_same_device, described


class Completeness(NamedTuple):
    """Completeness says how well an account of scores adds up to them, and whether it can speak against a class.

    Attributes:
        residual: largest `|score - account|`, in units of the account's mean size.
        signed: whether any part of the account is negative.

    >>> import torch
    >>> from gcm.metric import CompletenessResidual
    >>> from gcm.model import Contributions
    >>> parts = torch.tensor([[[0.5, 0.5], [-1.0, 0.0]]])
    >>> metric = CompletenessResidual()
    >>> metric.update(Contributions(torch.tensor([[1.0, -1.0]]), parts, torch.zeros(1, 2)))
    >>> metric.compute()
    Completeness(residual=0.0, signed=True)
    """

    residual: float
    signed: bool


class CompletenessResidual(ExactMetric):
    """The completeness residual is the largest `|score - account|`, relative to the mean size of an account.

    It is the largest over images and classes. The account of a score is the sum of its parts and the rest; its size the
    sum of the parts' absolute values. For GCM this is the largest `|score - mean of CCM|` relative to mean `|CCM|`.
    Rounding alone gives about 1e-6 in float32; 1 means an account as wrong as it is large. It is graded, never an
    equality of floats. 0 / 0 is 0.

    >>> import gcm, torch
    >>> metric = gcm.metric.CompletenessResidual()
    >>> metric.update(gcm.load("gcm_digits").contributions(torch.ones(1, 1, 32, 32)))
    >>> metric.compute().residual < 1e-4
    True
    """

    higher_is_better = False

    largest: Tensor
    size: Tensor
    scores: Tensor
    smallest: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("largest", torch.zeros((), dtype=torch.float64), dist_reduce_fx="max")
        self.add_state("size", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("scores", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("smallest", torch.zeros((), dtype=torch.float64), dist_reduce_fx="min")

    def update(self, contributions: Contributions) -> None:
        check_account(contributions)
        check_same_device("contributions and the metric", (contributions.parts, self.size))
        parts = contributions.parts.flatten(2)  # (B,K,…) -> (B,K,P)
        account = parts.sum(2, dtype=torch.float64) + contributions.rest
        residual = (contributions.logits - account).abs().amax()
        self.largest = torch.maximum(self.largest, residual.double())
        self.size = self.size + parts.abs().sum(dtype=torch.float64)
        self.scores = self.scores + contributions.logits.numel()
        self.smallest = torch.minimum(self.smallest, parts.amin().double())

    def compute(self) -> Completeness:
        if not int(self.scores):
            raise InputError("CompletenessResidual has seen no image; call update first")
        mean_size = float(self.size) / int(self.scores)
        largest = float(self.largest)
        residual = largest / mean_size if mean_size else (0.0 if largest == 0 else torch.inf)
        return Completeness(residual, signed=bool(self.smallest < 0))


def check_account(contributions: Contributions) -> None:
    """Raise `InputError` unless it is of an image or more and all classes, float and finite."""
    if not isinstance(contributions, Contributions):
        raise InputError(f"contributions must be a network's Contributions, got {described(contributions)}")
    logits, parts, rest = contributions.logits, contributions.parts, contributions.rest
    check_floats("contributions", logits, parts, rest)
    if parts.ndim < 3 or not parts.shape[:2] == rest.shape == logits.shape:
        raise InputError(
            "contributions must be of all classes: logits (B,K), parts (B,K,…) and rest (B,K), "
            f"got {tuple(logits.shape)}, {tuple(parts.shape)} and {tuple(rest.shape)}"
        )
    check_not_empty("contributions", parts)
    check_same_device("contributions", (logits, parts, rest))
    check_finite("contributions", logits, parts, rest)
