"""Metrics: each a torchmetrics.Metric that takes maps from anywhere."""

from gcm.metric.completeness import Completeness, CompletenessResidual
from gcm.metric.decline_ratio import Decline, DeclineRatio

__all__ = ["Completeness", "CompletenessResidual", "Decline", "DeclineRatio"]
