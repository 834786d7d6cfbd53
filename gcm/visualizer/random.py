"""Random maps are a control: they know nothing."""

import torch
from torch import Tensor

from gcm.data.loader import seeded_generator
from gcm.model.base import for_targets
from gcm.types import Seed
from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass


class Random(Visualizer):
    """Random maps are standard normal numbers, `(B,K,1,H,W)`, seeded by `seed` and by the image: each image has its
    own.

    >>> import gcm, torch
    >>> network, images = gcm.load("gcm_digits"), torch.stack([torch.zeros(1, 32, 32), torch.ones(1, 32, 32)])
    >>> maps = gcm.visualizer.Random(seed=0)(network, images).maps
    >>> torch.equal(maps[1:], gcm.visualizer.Random(seed=0)(network, images[1:]).maps), torch.equal(maps[0], maps[1])
    (True, False)
    """

    control = True

    def __init__(self, seed: Seed = 0) -> None:
        self.seed = seed

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        classes = forward_pass.logits.shape[1]
        height, width = forward_pass.images.shape[2:]
        maps = torch.stack([self._maps(image, classes, height, width) for image in forward_pass.images])
        return for_targets(maps, forward_pass.targets).unsqueeze(2)

    def _maps(self, image: Tensor, classes: int, height: int, width: int) -> Tensor:
        fingerprint = int(image.double().sum().item() * 2**20) % 2**31
        noise = torch.randn(
            classes, height, width, generator=seeded_generator("cpu", self.seed, fingerprint), dtype=torch.float32
        )
        return noise.to(image)
