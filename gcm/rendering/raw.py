"""(a) The weight map as it is."""

from torch import Tensor

from gcm.rendering.base import Rendering


class Raw(Rendering):
    """Leaves the weight map unchanged, at its own resolution.

    >>> import torch
    >>> from gcm.rendering import Raw
    >>> Raw()(torch.tensor([-2.0, 1.0]).view(1, 2, 1, 1, 1), torch.ones(1, 1, 4, 4)).flatten()
    tensor([-2.,  1.])
    """

    def render(self, maps: Tensor, images: Tensor) -> Tensor:
        return maps
