"""(a) The weight map as it is."""

from torch import Tensor

from gcm.rendering.base import Rendering


class Raw(Rendering):
    """The weight map unchanged, at its own resolution."""

    def render(self, maps: Tensor, images: Tensor) -> Tensor:
        return maps
