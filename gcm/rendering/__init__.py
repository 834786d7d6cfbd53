"""Renderings prepare a weight map for being looked at or added up."""

from gcm.rendering.absolute import Absolute
from gcm.rendering.base import Rendering
from gcm.rendering.blend import Blend
from gcm.rendering.product import Product
from gcm.rendering.raw import Raw

__all__ = ["Absolute", "Blend", "Product", "Raw", "Rendering"]
