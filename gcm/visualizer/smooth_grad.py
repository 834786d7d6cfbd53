"""SmoothGrad: gradients averaged over noise."""

import torch
from torch import Tensor

from gcm.data.loader import seeded_generator
from gcm.types import NonNegativeNumber, PositiveCount, Seed
from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass


class SmoothGrad(Visualizer):
    """SmoothGrad is the mean gradient over copies of the image with Gaussian noise, `(B,K,C,H,W)`.

    Source: Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017. All images and classes get the same
    draws, so that they can be compared, and an image has the same map in every batch.

    >>> import gcm, torch
    >>> network, image = gcm.load("cnn_digits"), torch.ones(1, 1, 32, 32)
    >>> smooth = gcm.visualizer.SmoothGrad(samples=1, deviation=0.0)(network, image).maps
    >>> torch.equal(smooth, gcm.visualizer.Saliency()(network, image).maps)
    True
    """

    def __init__(self, samples: PositiveCount = 25, deviation: NonNegativeNumber = 0.15, seed: Seed = 0) -> None:
        """Average over `samples` copies with noise of standard `deviation`, in units of the pixels' range."""
        self.samples = samples
        self.deviation = deviation
        self.seed = seed

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        images = forward_pass.images
        generator = seeded_generator("cpu", self.seed)
        total = images.new_zeros(())
        for _ in range(self.samples):
            noise = (
                torch.randn(images.shape[1:], generator=generator, dtype=torch.float32).to(images) * self.deviation
            )  # (C,H,W)
            total = total + forward_pass.gradients_at(images + noise)
        return total / self.samples
