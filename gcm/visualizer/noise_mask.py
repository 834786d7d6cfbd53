"""Noise masks as maps say how much each pixel matters."""

from typing import Literal

import torch
from torch import Tensor

from gcm.precision import widened
from gcm.types import NonNegativeNumber, PositiveCount, PositiveNumber, Seed, Share
from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass
from gcm.visualizer.masked_network import MaskedNetwork, Thresholds
from gcm.visualizer.noise_mask_search import NoiseMaskSearch, NoiseMaskSettings


class NoiseMask(Visualizer):
    """A noise mask says how much each pixel matters: `1 - w`, `w` the strongest noise that the network hardly notices.

    Source: the noise-mask paper, section 3. The maps are `(B,K,1,H,W)` in [0,1]; there it is a picture of an image, not
    of a class, so the maps of all classes are the same. All images get the same draws of noise, and Adam, whose steps
    rounding can turn, finds the masks: the same image has nearly the same map in another batch. The maps are float32 at
    least.

    Args:
        samples, steps, learning_rate, last_rate, tolerance, settled, seed: as in `NoiseMaskSettings`.
        first_threshold, hidden_threshold, output_threshold: as `first`, `hidden` and `output` in `Thresholds`.

    >>> import gcm, torch
    >>> image = torch.zeros(1, 1, 32, 32)
    >>> maps = gcm.visualizer.NoiseMask(samples=2, steps=2)(gcm.load("tiny_lenet_digits"), image).maps
    >>> tuple(maps.shape), torch.equal(maps[:, 0], maps[:, 9])
    ((1, 10, 1, 32, 32), True)
    """

    class_specific = False

    def __init__(
        self,
        samples: PositiveCount = 20,
        steps: PositiveCount = 300,
        learning_rate: PositiveNumber = 0.02,
        last_rate: Share = 0.05,
        tolerance: NonNegativeNumber | Literal["auto"] = "auto",
        first_threshold: NonNegativeNumber | None = 0.2,
        hidden_threshold: NonNegativeNumber | None = 0.0,
        output_threshold: NonNegativeNumber | None = None,
        settled: Share = 0.05,
        seed: Seed = 0,
    ) -> None:
        self.settings = NoiseMaskSettings(
            samples=samples,
            steps=steps,
            learning_rate=learning_rate,
            last_rate=last_rate,
            tolerance=tolerance,
            thresholds=Thresholds(first=first_threshold, hidden=hidden_threshold, output=output_threshold),
            settled=settled,
            seed=seed,
        )

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        forward_pass.check_only_relus("a noise mask")
        strength = [
            NoiseMaskSearch(
                MaskedNetwork.of_images(forward_pass.model, images, self.settings.thresholds), images, self.settings
            ).run().strength
            for images in self.settings.batches(forward_pass.images)
        ]  # fmt: skip
        matters = 1 - widened(torch.cat(strength))
        return matters[:, None, None].expand(-1, forward_pass.targets.shape[1], -1, -1, -1).clone()
