"""Stochastic networks answer differently when asked again, where they are not sure."""

from abc import abstractmethod

import torch
from torch import Tensor

from gcm.model.base import Classifier
from gcm.types import PositiveCount


class StochasticClassifier(Classifier):
    """A stochastic classifier is a distribution over networks; in evaluation mode it is one of them, and deterministic.

    >>> import torch
    >>> from gcm.data import ImageSpec
    >>> from gcm.model import BayesianCNN
    >>> network = BayesianCNN(ImageSpec.of(channels=1, size=12, classes=10)).eval()
    >>> network.sampled_logits(torch.zeros(2, 1, 12, 12), passes=3, seed=0).shape  # three networks, two images
    torch.Size([3, 2, 10])
    """

    @abstractmethod
    def sampled_forward(self, images: Tensor) -> Tensor:
        """Return the logits `(B,K)` of a network drawn at random, by PyTorch's own random state."""

    def complexity(self) -> Tensor:
        """Return what the distribution costs, in nats: a term of the loss of the whole training set, `()`."""
        return torch.zeros((), device=next(self.parameters()).device)

    def sampled_logits(self, images: Tensor, passes: PositiveCount, seed: int) -> Tensor:
        """Return the logits `(T,B,K)` of `passes` networks, the same for the same seed, whatever else draws random
        numbers.
        """
        devices = [images.device] if images.device.type == "cuda" else []
        with torch.random.fork_rng(devices), torch.no_grad():
            torch.manual_seed(seed)
            return self.draw_logits(images, passes)

    def draw_logits(self, images: Tensor, passes: int) -> Tensor:
        """Return the logits `(T,B,K)` of `passes` networks, by PyTorch's own random state."""
        return torch.stack([self.sampled_forward(images.clone()) for _ in range(passes)])
