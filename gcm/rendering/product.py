"""(d) Weight map times image."""

from torch import Tensor

from gcm.rendering.base import Interpolation, Rendering, resized


class Product(Rendering):
    """Multiplies the map, resized to the image, with the image: `(B,K,C,H,W)`; GCM's maps become contribution maps.

    >>> import torch
    >>> from gcm.rendering import Product
    >>> Product()(torch.tensor([-2.0, 1.0]).view(1, 2, 1, 1, 1), torch.full((1, 1, 1, 1), 0.5)).flatten()
    tensor([-1.0000,  0.5000])
    """

    def __init__(self, interpolation: Interpolation = "bicubic") -> None:
        self.interpolation = interpolation

    def render(self, maps: Tensor, images: Tensor) -> Tensor:
        return resized(maps, images, self.interpolation) * images.unsqueeze(1)
