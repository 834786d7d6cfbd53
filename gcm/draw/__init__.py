"""Every figure is drawn here; only this package knows matplotlib."""

from gcm.draw.class_maps import draw_class_maps, scale_of
from gcm.draw.decline_ratio import draw_decline_ratio
from gcm.draw.grid import Panel, draw_grid
from gcm.draw.learning_curve import draw_learning_curve

__all__ = ["Panel", "draw_class_maps", "draw_decline_ratio", "draw_grid", "draw_learning_curve", "scale_of"]
