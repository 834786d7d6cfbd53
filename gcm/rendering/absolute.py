"""(b) The weight map's absolute value."""

from torch import Tensor

from gcm.rendering.base import Rendering


class Absolute(Rendering):
    """Takes absolute values, at the map's own resolution: how strongly, not in which direction.

    >>> import torch
    >>> from gcm.rendering import Absolute
    >>> Absolute()(torch.tensor([-2.0, 1.0]).view(1, 2, 1, 1, 1), torch.ones(1, 1, 4, 4)).flatten()
    tensor([2., 1.])
    """

    def render(self, maps: Tensor, images: Tensor) -> Tensor:
        return maps.abs()
