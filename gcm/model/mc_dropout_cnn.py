"""Monte Carlo dropout is the lab's network, whose dropout goes on after training."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gcm.data.spec import ImageSpec
from gcm.model.lab_cnn import LabCNN
from gcm.model.stochastic import StochasticClassifier
from gcm.types import ShareBelowOne, Width


class MCDropoutCNN(LabCNN, StochasticClassifier):
    """Monte Carlo dropout is a `LabCNN` with dropout; each random choice of units is a network.

    Source: Gal and Ghahramani, "Dropout as a Bayesian approximation", 2016. Departure: the convolutions have none.

    >>> import torch
    >>> from gcm.data import ImageSpec
    >>> from gcm.model import MCDropoutCNN
    >>> network = MCDropoutCNN(ImageSpec.of(channels=1, size=12, classes=10)).eval()
    >>> first, second = network.sampled_logits(torch.ones(1, 1, 12, 12), passes=2, seed=0)  # two networks
    >>> torch.equal(first, second)
    False
    """

    def __init__(
        self,
        spec: ImageSpec,
        filters: tuple[Width, Width] = (16, 32),
        hidden: Width = 128,
        dropout: ShareBelowOne = 0.5,
    ) -> None:
        super().__init__(spec, filters, hidden, dropout)

    def sampled_forward(self, images: Tensor) -> Tensor:
        return self.draw_logits(images, passes=1)[0]

    def draw_logits(self, images: Tensor, passes: int) -> Tensor:
        """Return the logits `(T,B,K)` of `passes` networks; the convolutions, which have no dropout, see the images
        once.
        """
        self.check_images(images)
        features = self.features(images)
        with self.dropout_on():
            return torch.stack([self.head(features) for _ in range(passes)])

    @contextmanager
    def dropout_on(self) -> Iterator[None]:
        layers = [module for module in self.modules() if isinstance(module, nn.Dropout)]
        modes = [layer.training for layer in layers]
        try:
            for layer in layers:
                layer.training = True
            yield
        finally:
            for layer, training in zip(layers, modes, strict=True):
                layer.training = training
