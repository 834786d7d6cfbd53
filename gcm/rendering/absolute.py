"""(b) The weight map's absolute value."""

from torch import Tensor

from gcm.rendering.base import Rendering


class Absolute(Rendering):
    """Absolute values, at the map's own resolution: how strongly, not in which direction."""

    def render(self, maps: Tensor, images: Tensor) -> Tensor:
        return maps.abs()
