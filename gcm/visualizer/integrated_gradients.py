"""Integrated gradients: mean gradients between a black image and the image."""

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le
from torch import Tensor, nn

from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass


class IntegratedGradients(Visualizer):
    """Integrated gradients multiply the image with the mean gradient on the straight way from a black image:
    `(B,K,C,H,W)`.

    A class's map adds up to its logit less that of the black image, but for the error of the integral, which is taken
    at the `steps` points of Gauss and Legendre. Source: Sundararajan et al., "Axiomatic attribution for deep networks",
    ICML 2017.

    >>> import gcm, torch
    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
    >>> explanation = gcm.visualizer.IntegratedGradients(steps=4)(network, torch.ones(1, 1, 2, 2))
    >>> torch.allclose(explanation.maps.sum((2, 3, 4)), explanation.logits - network[1].bias, atol=1e-5)
    True
    """

    def __init__(self, steps: Annotated[int, Ge(1), Le(1000)] = 32) -> None:
        self.steps = steps

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        images = forward_pass.images
        points, weights = np.polynomial.legendre.leggauss(self.steps)  # on [-1,1]
        total = images.new_zeros(())
        for point, weight in zip(points.tolist(), weights.tolist(), strict=True):
            total = total + weight / 2 * forward_pass.gradients_at(images * ((1 + point) / 2))
        return images.unsqueeze(1) * total

    def by_construction(self, model: nn.Module) -> Mapping[str, str]:
        return {"raw": "integrated gradients add up to the logit less that of a black image"}
