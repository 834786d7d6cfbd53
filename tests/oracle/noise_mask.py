"""The noise-mask paper's method (section 3) and Adam, for one image."""

from dataclasses import dataclass, replace

import numpy as np
from oracle.layer import Chain, ReLU


@dataclass(frozen=True)
class MaskedReLU(ReLU):
    """A unit that is no feature of the original image gives 0 whatever it gets."""

    kept: np.ndarray

    def forward(self, x):
        return np.where(self.kept, super().forward(x), 0.0)

    def backward(self, x, gradient, way="plain"):
        return np.where(self.kept, super().backward(x, gradient, way), 0.0)


def masked(network, image, first, hidden):
    """The network in which the units are masked that are not above a threshold on the image: `first` for the first ReLU,
    `hidden` for the others; None: nothing is masked."""
    threshold = first

    def with_masks(chain, x):
        nonlocal threshold
        layers = []
        for layer, activations in zip(chain.layers, chain.values(x)[1:], strict=True):
            if isinstance(layer, ReLU):
                kept = np.full(activations.shape, True) if threshold is None else activations > threshold
                layers.append(MaskedReLU(kept))
                threshold = hidden
            else:
                layers.append(layer)
        return Chain(layers)

    features = with_masks(network.features, image)
    head = with_masks(network.head, network.features.forward(image))
    return replace(network, features=features, head=head)


def smallest_gap(logits):
    """Half of it, between two that are not equal."""
    gaps = [abs(a - b) for a in logits for b in logits if a != b]
    return min(gaps) / 2 if gaps else 0.0


class Search:
    """`E(w) = 1/N sum_n sum_k max(|y_k - y'_kn| - a, 0) - mean of w`, minimised by Adam, clamped to [0,1].

    Adam: Kingma and Ba, 2015, algorithm 1.
    """

    def __init__(self, network, image, tolerance, kept_outputs):
        self.network, self.image, self.kept_outputs = network, image, kept_outputs
        self.logits = network.logits(image) * kept_outputs
        self.tolerance = smallest_gap(self.logits) if tolerance == "auto" else tolerance
        self.strength = np.zeros(image.shape[1:])
        self.first_moment, self.second_moment = np.zeros(image.shape[1:]), np.zeros(image.shape[1:])
        self.steps = 0

    def objective(self, draws):
        """E's first term, and E's derivative by `w`."""
        excess, gradient = 0.0, np.full(self.strength.shape, -1 / self.strength.size)
        for draw in draws:
            noisy = self.image + draw * self.strength
            moved = self.network.logits(noisy) * self.kept_outputs - self.logits
            for k in range(len(moved)):
                if abs(moved[k]) > self.tolerance:
                    excess += (abs(moved[k]) - self.tolerance) / len(draws)
                    by_pixels = np.sign(moved[k]) * self.kept_outputs[k] * self.network.gradient(noisy, k)
                    gradient += (by_pixels * draw).sum(0) / len(draws)
        return excess, gradient

    def step(self, draws, rate):
        excess, gradient = self.objective(draws)
        self.steps += 1
        self.first_moment = 0.9 * self.first_moment + 0.1 * gradient
        self.second_moment = 0.999 * self.second_moment + 0.001 * gradient**2
        mean = self.first_moment / (1 - 0.9**self.steps)
        size = self.second_moment / (1 - 0.999**self.steps)
        self.strength = np.clip(self.strength - rate * mean / (np.sqrt(size) + 1e-8), 0, 1)
        return excess
