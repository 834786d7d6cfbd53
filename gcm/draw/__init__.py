"""Several figures share these parts; only this package and the figures of studies know matplotlib."""

from gcm.draw.base import rounded
from gcm.draw.class_maps import classes_to_show, draw_class_maps, scale_of
from gcm.draw.grid import Panel, draw_grid

__all__ = ["Panel", "classes_to_show", "draw_class_maps", "draw_grid", "rounded", "scale_of"]
