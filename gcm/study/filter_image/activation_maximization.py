"""Activation maximization finds what a unit likes best of all that an image can be."""

from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from gcm.data.loader import seeded_generator
from gcm.model import Classifier
from gcm.study.filter_image.unit import Units
from gcm.types import Count, PositiveCount, Share
from gcm.visualizer.base import inspected
from gcm.visualizer.guided import GuidedReLUs, OpenReLU


@dataclass(frozen=True, kw_only=True)
class ActivationMaximization:
    """Gradient ascent on the image itself, regularised as by Yosinski et al., "Understanding neural networks through
    deep visualization", 2015: every step is followed by decay, every few by a blur, and values stay in [0,1].

    Attributes:
        steps: how many.
        step_size: root mean square of a step, in units of the pixels' range.
        decay: the share of every value that is taken away after a step.
        blur_every: steps between two blurs; 0: never.
        blur: the Gaussian's standard deviation, in pixels.
        seed: seed of the noise, uniform in [0,1], from which all units start.
    """

    steps: PositiveCount = 200
    step_size: float = 0.1
    decay: Share = 0.02
    blur_every: Count = 4
    blur: float = 0.5
    seed: Count = 0

    def __call__(self, network: Classifier, units: Units) -> Tensor:
        """Return an image for each unit: `(U,C,H,W)` in [0,1].

        Where a unit is closed at every place, so that its gradient is 0, the gradient ignores the ReLUs.
        """
        device = next(network.parameters()).device
        noise = torch.rand(
            1, *network.spec.shape, generator=seeded_generator("cpu", self.seed), dtype=torch.float32
        ).to(device)
        with inspected(network, noise):
            images = noise.repeat(units(noise).shape[1], 1, 1, 1)
            for step in range(1, self.steps + 1):
                gradient = unit_gradients(units, images)
                size = root_mean_square(gradient)
                if not size.all():
                    with GuidedReLUs(OpenReLU):
                        gradient = torch.where(size > 0, gradient, unit_gradients(units, images))
                    size = root_mean_square(gradient)
                images = images + self.step_size * gradient / size.clamp_min(1e-12)
                images = images * (1 - self.decay)
                if self.blur_every and step % self.blur_every == 0:
                    images = blurred(images, self.blur)
                images = images.clamp(0, 1)
        return images


def blurred(images: Tensor, deviation: float) -> Tensor:
    """Blur by a Gaussian that is cut off at three standard deviations, or where the image ends."""
    reach = min(ceil(3 * deviation), *(size - 1 for size in images.shape[2:]))
    soft: Tensor = gaussian_blur(images, [2 * reach + 1] * 2, [deviation] * 2)
    return soft


def root_mean_square(gradient: Tensor) -> Tensor:
    return gradient.square().mean((1, 2, 3), keepdim=True).sqrt()


def unit_gradients(units: Units, images: Tensor) -> Tensor:
    """Return the gradient of the `u`-th unit for the `u`-th image: `(U,C,H,W)`."""
    with torch.enable_grad():
        leaf = images.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(units(leaf).diagonal().sum(), leaf)
    return gradient
