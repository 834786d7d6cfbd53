"""All metrics count exactly what they were given, wherever they stand."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from gcm.precision import Applied, at_least


class ExactMetric(Metric):
    """An exact metric counts in float64 what it alone was given.

    It moves with the module that it is part of, but is not cast with it, as Lightning does for `precision="bf16-true"`.
    Of several processes one may see no image: torchmetrics lets it take part with a tensor of the metric's `dtype`,
    which must be that of the others. In a `MetricCollection` torchmetrics takes metrics for one and the same whose
    states are equal after the first batch (compute groups), as those of `Deletion` and `Insertion` are after black
    images; a state of NaN, which equals nothing, keeps each of ours a group of its own.

    >>> import torch
    >>> from gcm.metric import Sparseness
    >>> metric = Sparseness().to(torch.bfloat16)
    >>> metric.update(torch.tensor([[[[0.0, 0.5]]]]))
    >>> metric.compute().mean, metric.values[0].dtype
    (0.5, torch.float64)
    """

    full_state_update = False

    like_no_other: Tensor

    def __init__(self) -> None:
        super().__init__()  # the state comes first: torchmetrics 1.6 compares no further
        self.add_state("like_no_other", torch.tensor(torch.nan, dtype=torch.float64), dist_reduce_fx="max")

    @property
    def dtype(self) -> torch.dtype:
        return torch.float64

    def _apply(self, fn: Applied, exclude_state: Sequence[str] = "") -> nn.Module:
        return super()._apply(at_least(torch.float64, fn), exclude_state)
