"""(d) Weight map times image."""

from torch import Tensor

from gcm.rendering.base import Interpolation, Rendering, resized


class Product(Rendering):
    """The map, resized to the image, times the image: `(B,K,C,H,W)`. Of GCM's maps: the class contribution map."""

    def __init__(self, interpolation: Interpolation = "bicubic") -> None:
        self.interpolation = interpolation

    def render(self, maps: Tensor, images: Tensor) -> Tensor:
        return resized(maps, images, self.interpolation) * images.unsqueeze(1)
