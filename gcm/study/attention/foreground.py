"""A bright object on a dark ground has zones: itself, what lies near it, and the rest."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Zone = Literal["object", "near", "beyond"]
BRIGHT = 0.5
"""The brightness, as the mean over channels, above which a pixel is the object's."""
REACH = 2
"""The distance in pixels, in rows and in columns, up to which a pixel is near the object."""


def foreground_zones(images: Tensor) -> dict[Zone, Tensor]:
    """Return which pixels of images `(B,C,H,W)` belong to each zone, `(B,H,W)`."""
    bright = (images.mean(1, keepdim=True) > BRIGHT).float()
    grown = F.max_pool2d(bright, 2 * REACH + 1, stride=1, padding=REACH)
    own, reached = bright.squeeze(1).bool(), grown.squeeze(1).bool()
    return {"object": own, "near": reached & ~own, "beyond": ~reached}


def mean_by_zone(values: Tensor, images: Tensor) -> dict[Zone, Tensor]:
    """Return the mean of `values` `(B,H,W)` over each zone, `(B,)`; NaN where a zone is empty."""
    return {
        zone: torch.where(pixels, values, 0).sum((1, 2)) / pixels.sum((1, 2))
        for zone, pixels in foreground_zones(images).items()
    }
