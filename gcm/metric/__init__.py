"""Metrics: each a torchmetrics.Metric that takes maps from anywhere, and knows how it is applied to a test set."""

from gcm.metric.base import ExactMetric
from gcm.metric.completeness import Completeness, CompletenessResidual
from gcm.metric.decline_ratio import Decline, DeclineRatio
from gcm.metric.deletion import Deletion
from gcm.metric.grid_pointing import GridPointing
from gcm.metric.image_metric import ImageMetric, Mean, mean_with_interval
from gcm.metric.insertion import Insertion
from gcm.metric.logit_residual import LogitResidual
from gcm.metric.map_metric import ExplainedBatch, MapMetric
from gcm.metric.pointing import Pointing
from gcm.metric.randomization import Randomization
from gcm.metric.rank_correlation import RankCorrelation
from gcm.metric.relative_change import RelativeChange
from gcm.metric.sparseness import Sparseness
from gcm.metric.stability import Stability

__all__ = [
    "Completeness",
    "CompletenessResidual",
    "Decline",
    "DeclineRatio",
    "Deletion",
    "ExactMetric",
    "ExplainedBatch",
    "GridPointing",
    "ImageMetric",
    "Insertion",
    "LogitResidual",
    "MapMetric",
    "Mean",
    "Pointing",
    "Randomization",
    "RankCorrelation",
    "RelativeChange",
    "Sparseness",
    "Stability",
    "mean_with_interval",
]
