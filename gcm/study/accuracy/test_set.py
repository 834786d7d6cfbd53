"""What is measured of a network on its whole test set: for its card, and again to verify the card."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from scipy.stats import binomtest
from torch.nn import functional as F

from gcm.console import with_progress
from gcm.data import Split, as_pixels
from gcm.data.loader import OrderedBatches, loader
from gcm.metric import Completeness, CompletenessResidual
from gcm.model import Classifier, Interpretable
from gcm.zoo import Card, SavedNetwork, Test

COMPLETE_BELOW = 1e-4
"""The largest completeness residual that is rounding."""


@dataclass(frozen=True)
class Measured:
    """Attributes:
    right: test images classified correctly, of `images`.
    loss: mean cross-entropy.
    completeness: None where the network gives no account of its scores.
    """

    right: int
    images: int
    loss: float
    completeness: Completeness | None

    @property
    def accuracy(self) -> float:
        return self.right / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the accuracy (Wilson)."""
        bounds = binomtest(self.right, self.images).proportion_ci(0.95, method="wilson")
        return float(bounds.low), float(bounds.high)


def measured(name: str, network: Classifier, split: Split, batch_size: int = 250) -> Measured:
    """Accuracy, loss and completeness in float32, where the network lies."""
    device = next(network.parameters()).device
    completeness = CompletenessResidual().to(device)
    right, loss = 0, 0.0
    batches = OrderedBatches(len(split), batch_size)
    with torch.inference_mode():
        for images, labels in with_progress(loader(split, batches), f"{name}: test set", len(batches)):
            pixels, truth = as_pixels(images, device), labels.to(device)
            logits = network(pixels)
            right += int((logits.argmax(1) == truth).sum())
            loss += float(F.cross_entropy(logits, truth, reduction="sum"))
            if isinstance(network, Interpretable):
                completeness.update(replace(network.contributions(pixels), logits=logits))
    account = completeness.compute() if isinstance(network, Interpretable) else None
    return Measured(right, len(split), loss / len(split), account)


def test_of(card: Card, found: Measured) -> Test:
    low, high = found.interval
    return Test(card.seed, found.accuracy, low, high, found.loss, found.images, card.training_seconds)


def measured_card(
    saved: SavedNetwork, tests: Sequence[Test], found: Measured, train_images: int, measured_on: str
) -> Card:
    network = saved.network()
    residual = found.completeness.residual if found.completeness else None
    return replace(
        saved.card,
        config=saved.card.config_elsewhere,
        tests=tuple(tests),
        overrides=saved.card.overrides_elsewhere,
        train_images=train_images,
        parameters=network.parameter_count(),
        macs=network.multiplications(),
        complete=residual is not None and residual <= COMPLETE_BELOW,
        signed=found.completeness is not None and found.completeness.signed,
        completeness_residual=residual,
        measured_on=measured_on,
    )
