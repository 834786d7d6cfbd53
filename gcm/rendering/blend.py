"""(c) A class activation map is usually drawn enlarged, in false colours, laid over the image."""

import torch
from torch import Tensor

from gcm.rendering.base import Interpolation, Rendering, resized
from gcm.types import Share


class Blend(Rendering):
    """Lays the coloured map over the image: `map_share` of the one, `image_share` of the other, `(B,K,3,H,W)` in [0,1].

    This is the recipe of the CAM authors' demonstration code, which the GCM paper uses (section 4.6): resize to the
    image (bicubic), scale each map by its own minimum and maximum to [0,1], colour with jet. Ours where the paper is
    silent: maps with several channels are averaged over them first; a map that is the same everywhere becomes 0; grey
    images are repeated to three channels.

    >>> import torch
    >>> from gcm.rendering import Blend
    >>> Blend()(torch.arange(8.0).view(1, 2, 1, 2, 2), torch.ones(1, 1, 4, 4)).shape
    torch.Size([1, 2, 3, 4, 4])
    """

    in_colours = True

    def __init__(
        self, map_share: Share = 0.7, image_share: Share = 0.2, interpolation: Interpolation = "bicubic"
    ) -> None:
        self.map_share = map_share
        self.image_share = image_share
        self.interpolation = interpolation

    def render(self, maps: Tensor, images: Tensor) -> Tensor:
        grey = resized(tamed(maps).mean(2, keepdim=True), images, self.interpolation).squeeze(2)  # -> (B,K,H,W)
        return self.map_share * jet(min_max_scaled(grey)) + self.image_share * images.unsqueeze(1)


def tamed(maps: Tensor) -> Tensor:
    """Return an eighth of each map `(…,d,h,w)` with large values, so that no sum or difference of them overflows;
    exact.
    """
    large = maps.abs().amax((-3, -2, -1), keepdim=True) > 1
    return maps * torch.where(large, 0.125, 1.0).to(maps)


def min_max_scaled(maps: Tensor) -> Tensor:
    """Stretch each map `(…,H,W)` to [0,1]; a constant one becomes 0."""
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    spread = high - low
    return (maps - low) / torch.where(spread > 0, spread, 1)


def jet(values: Tensor) -> Tensor:
    """Colour values by MATLAB's jet, dark blue over green to dark red: `(B,K,H,W)` in [0,1] to `(B,K,3,H,W)`."""
    centres = torch.tensor([3.0, 2.0, 1.0], dtype=values.dtype, device=values.device)  # red, green, blue
    return (1.5 - (4 * values.unsqueeze(2) - centres[:, None, None]).abs()).clamp_(0, 1)
