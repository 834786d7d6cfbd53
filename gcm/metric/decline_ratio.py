"""Decline ratio: how much accuracy is lost if one classifies by the pictures instead of by the network."""

from typing import Annotated, NamedTuple

import numpy as np
import torch
from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor

from gcm.error import InputError
from gcm.metric.base import ExactMetric
from gcm.metric.image_metric import check_class_maps
from gcm.tensor_check import check_classes, check_same_device
from gcm.types import Seed


class Decline(NamedTuple):
    """A decline ratio comes with its accuracies and shares in [0,1].

    Attributes:
        accuracy: A, the network's own.
        map_accuracy: B, that of the class whose picture has the largest sum.
        ratio: (A - B) / A. NaN where A is 0: nothing can be lost.
        low, high: bootstrap interval of the ratio; NaN where the ratio is.
        agreement: share of images where picture and network name the same class, right or wrong.
        n: number of images.

    >>> from gcm.metric import Decline
    >>> Decline(accuracy=0.9, map_accuracy=0.45, ratio=0.5, low=0.4, high=0.6, agreement=0.5, n=100).ratio
    0.5
    """

    accuracy: float
    map_accuracy: float
    ratio: float
    low: float
    high: float
    agreement: float
    n: int


class DeclineRatio(ExactMetric):
    """The decline ratio is `(A - B) / A`, A the network's accuracy, B that of the class whose map has the largest sum.

    Source: GCM paper, section 4.7, equation 13. 0: classifying by the pictures loses nothing; it can be negative. It
    says whether maps *add up* to the decision (completeness), not whether they are in the right place.

    Takes maps from anywhere. It keeps five counts, so memory does not grow with the number of images, and the processes
    of a distributed run are added up exactly. Interval: percentile bootstrap over images; since the ratio depends only
    on how many images each of network and map got right, the resamples are drawn from these counts.

    Args:
        resamples: number of bootstrap resamples.
        confidence: confidence of the interval, above 0 and below 1.
        seed: seed of the bootstrap.

    >>> import torch
    >>> from gcm.metric import DeclineRatio
    >>> metric = DeclineRatio()
    >>> maps = torch.tensor([[2.0, 1.0], [2.0, 1.0]]).view(2, 2, 1, 1)  # their sums name class 0 twice
    >>> metric.update(maps, logits=torch.tensor([[3.0, 0.0], [0.0, 3.0]]), labels=torch.tensor([0, 1]))
    >>> found = metric.compute()
    >>> found.accuracy, found.map_accuracy, found.ratio
    (1.0, 0.5, 0.5)
    """

    higher_is_better = False

    both: Tensor
    network_only: Tensor
    map_only: Tensor
    total: Tensor
    agreeing: Tensor

    def __init__(
        self,
        resamples: Annotated[int, Ge(100), Le(1_000_000)] = 2000,
        confidence: Annotated[float, Gt(0), Lt(1)] = 0.95,
        seed: Seed = 0,
    ) -> None:
        super().__init__()
        self.resamples = resamples
        self.confidence = confidence
        self.seed = seed
        for name in ("both", "network_only", "map_only", "total", "agreeing"):
            self.add_state(name, torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, maps: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count a batch: maps `(B,K,…)` of every class, logits `(B,K)`, labels `(B,)`. Of equal sums the first wins."""
        check_class_maps(maps, logits)
        check_classes("labels", labels, logits.shape[:1], logits.shape[1])
        check_same_device("maps, labels and the metric", (maps, labels, self.total))
        sums = maps.sum(tuple(range(2, maps.ndim)), dtype=torch.float64)  # (B,K,…) -> (B,K)
        by_map, by_network = sums.argmax(1), logits.argmax(1)
        map_right, network_right = by_map == labels, by_network == labels
        self.both = self.both + (map_right & network_right).sum()
        self.network_only = self.network_only + (network_right & ~map_right).sum()
        self.map_only = self.map_only + (map_right & ~network_right).sum()
        self.agreeing = self.agreeing + (by_map == by_network).sum()
        self.total = self.total + len(labels)

    def compute(self) -> Decline:
        n = int(self.total)
        if not n:
            raise InputError("DeclineRatio has seen no image; call update first")
        counts = torch.stack([self.both, self.network_only, self.map_only]).cpu()
        ratio = decline_ratio(counts.double())
        low, high = self._interval(counts, n) if ratio.isfinite() else (torch.nan, torch.nan)
        both, network_only, map_only = counts.tolist()
        return Decline(
            accuracy=(both + network_only) / n,
            map_accuracy=(both + map_only) / n,
            ratio=ratio.item(),
            low=low,
            high=high,
            agreement=int(self.agreeing) / n,
            n=n,
        )

    def _interval(self, counts: Tensor, n: int) -> tuple[float, float]:
        """Return percentiles over resamples of n images; those in which the network is never right have no ratio."""
        neither = n - int(counts.sum())
        shares = np.array([*counts.tolist(), neither]) / n
        drawn = np.random.default_rng(self.seed).multinomial(n, shares, size=self.resamples)[:, :3]
        ratios = decline_ratio(torch.from_numpy(drawn).double())
        tail = (1 - self.confidence) / 2
        low, high = ratios.nanquantile(torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
        return low, high


def decline_ratio(counts: Tensor) -> Tensor:
    """Return the ratio of counts `(…,3)` of images that both, only the network, only the map got right; NaN if the
    network none.
    """
    both, network_only, map_only = counts.unbind(-1)
    network = both + network_only
    return torch.where(network > 0, (network_only - map_only) / network, torch.nan)
