"""Metrics: each a torchmetrics.Metric that takes maps from anywhere."""

from gcm.metric.decline_ratio import Decline, DeclineRatio

__all__ = ["Decline", "DeclineRatio"]
