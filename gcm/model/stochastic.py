"""Networks that know what they do not know: asked again, they answer differently where they are not sure."""

from abc import abstractmethod

import torch
from torch import Tensor

from gcm.model.base import Classifier
from gcm.types import PositiveCount


class StochasticClassifier(Classifier):
    """A classifier with a distribution over networks. In evaluation mode it is one of them, and deterministic."""

    @abstractmethod
    def sampled_forward(self, images: Tensor) -> Tensor:
        """Logits `(B,K)` of a network drawn at random, by PyTorch's own random state."""

    def complexity(self) -> Tensor:
        """What the distribution costs, in nats: a term of the loss of the whole training set, `()`."""
        return torch.zeros((), device=next(self.parameters()).device)

    def sampled_logits(self, images: Tensor, passes: PositiveCount, seed: int) -> Tensor:
        """Of `passes` networks, `(T,B,K)`; the same for the same seed, whatever else draws random numbers."""
        devices = [images.device] if images.device.type == "cuda" else []
        with torch.random.fork_rng(devices), torch.no_grad():
            torch.manual_seed(seed)
            return self.draw_logits(images, passes)

    def draw_logits(self, images: Tensor, passes: int) -> Tensor:
        """`(T,B,K)`, by PyTorch's own random state."""
        return torch.stack([self.sampled_forward(images.clone()) for _ in range(passes)])
