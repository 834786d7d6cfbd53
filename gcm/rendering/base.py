"""A rendering turns weight maps into pictures; metrics and figures then take the pictures."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn import functional as F

from gcm.error import InputError
from gcm.precision import widened
from gcm.tensor_check import check_finite, check_floats, check_pixels, check_same_device

Interpolation = Literal["bicubic", "bilinear", "nearest"]


class Rendering(ABC):
    """A rendering turns weight maps `(B,K,d,h,w)` and images `(B,C,H,W)` in [0,1] into pictures of every class.

    The pictures are `(B,K,c,h',w')`, float32 at least, whatever type maps and images have. Raises `InputError` where
    shapes do not fit, a map is not finite, or pixels are not in [0,1].

    >>> import torch
    >>> from gcm.rendering import Rendering
    >>> class Positive(Rendering):
    ...     def render(self, maps, images):
    ...         return maps.clamp_min(0)
    >>> Positive()(torch.tensor([-2.0, 1.0]).view(1, 2, 1, 1, 1), torch.ones(1, 1, 4, 4)).flatten()
    tensor([0., 1.])
    """

    in_colours: ClassVar[bool] = False
    """Whether the pictures are colours in [0,1] already, to be shown as they are."""

    def __call__(self, maps: Tensor, images: Tensor) -> Tensor:
        check_floats("maps and images", maps, images)
        fits = maps.ndim == 5 and images.ndim == 4 and len(maps) == len(images)
        if not fits or maps.shape[2] not in (1, images.shape[1]) or min(maps.shape[1:]) < 1:
            raise InputError(
                f"maps must be (B,K,d,h,w) with d = 1 or C for images (B,C,H,W) {tuple(images.shape)}, "
                f"got {tuple(maps.shape)}"
            )
        check_same_device("maps and images", (maps, images))
        check_finite("maps", maps)
        check_pixels(images)
        return self.render(widened(maps), widened(images))

    @abstractmethod
    def render(self, maps: Tensor, images: Tensor) -> Tensor: ...

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in sorted(vars(self).items()))
        return f"{type(self).__name__}({settings})"


def resized(maps: Tensor, images: Tensor, interpolation: Interpolation) -> Tensor:
    """Resize maps `(B,K,d,h,w)` to the images' size, untouched if they have it already; pixel centres are aligned as
    areas.
    """
    size = images.shape[2:]
    if maps.shape[3:] == size:
        return maps
    align = None if interpolation == "nearest" else False
    together = F.interpolate(maps.flatten(1, 2), size, mode=interpolation, align_corners=align)
    enlarged: Tensor = together.unflatten(1, maps.shape[1:3])
    return enlarged
