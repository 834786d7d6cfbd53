"""Metrics: each a torchmetrics.Metric that takes maps from anywhere."""

from gcm.metric.base import ExactMetric
from gcm.metric.completeness import Completeness, CompletenessResidual
from gcm.metric.decline_ratio import Decline, DeclineRatio
from gcm.metric.image_metric import ImageMetric, Measured, mean_with_interval
from gcm.metric.logit_residual import LogitResidual
from gcm.metric.perturbation import Deletion, Insertion
from gcm.metric.pointing import Pointing
from gcm.metric.rank_correlation import RankCorrelation
from gcm.metric.relative_change import RelativeChange
from gcm.metric.sparseness import Sparseness

__all__ = [
    "Completeness",
    "CompletenessResidual",
    "Decline",
    "DeclineRatio",
    "Deletion",
    "ExactMetric",
    "ImageMetric",
    "Insertion",
    "LogitResidual",
    "Measured",
    "Pointing",
    "RankCorrelation",
    "RelativeChange",
    "Sparseness",
    "mean_with_interval",
]
