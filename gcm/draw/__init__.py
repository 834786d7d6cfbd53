"""Every figure is drawn here; only this package knows matplotlib."""

from gcm.draw.base import rounded
from gcm.draw.class_maps import classes_to_show, draw_class_maps, scale_of
from gcm.draw.decline_ratio import draw_decline_ratio
from gcm.draw.faithfulness import draw_faithfulness
from gcm.draw.filter_paths import draw_leading_filters, draw_paths_of_image
from gcm.draw.grid import Panel, draw_grid
from gcm.draw.important_regions import draw_important_regions
from gcm.draw.learning_curve import draw_learning_curve
from gcm.draw.sweep import draw_accuracy_and_size
from gcm.draw.why import Decision, PathEvidence, draw_why

__all__ = [
    "Decision",
    "Panel",
    "PathEvidence",
    "classes_to_show",
    "draw_accuracy_and_size",
    "draw_class_maps",
    "draw_decline_ratio",
    "draw_faithfulness",
    "draw_grid",
    "draw_important_regions",
    "draw_leading_filters",
    "draw_learning_curve",
    "draw_paths_of_image",
    "draw_why",
    "rounded",
    "scale_of",
]
