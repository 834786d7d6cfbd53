"""A network is measured on its whole test set: for its card, and again to verify the card."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

from gcm.data import Split
from gcm.data.loader import pixel_batches
from gcm.metric import Completeness, CompletenessResidual
from gcm.model import Classifier, Interpretable
from gcm.progress import SILENT, Progress
from gcm.study.accuracy.predictions import Accuracy, are_right
from gcm.zoo import Card, SavedNetwork, Test

COMPLETE_BELOW = 1e-4
"""The largest completeness residual that is rounding."""


@dataclass(frozen=True)
class Evaluation:
    """An evaluation says how good a network is on a split.

    Attributes:
        accuracy: accuracy on all its images.
        loss: mean cross-entropy, in nats.
        completeness: None where the network gives no account of its scores.
    """

    accuracy: Accuracy
    loss: float
    completeness: Completeness | None


def evaluate(network: Classifier, split: Split, batch_size: int = 250, progress: Progress = SILENT) -> Evaluation:
    """Measure accuracy, loss and completeness in float32, where the network lies."""
    device = next(network.parameters()).device
    completeness = CompletenessResidual().to(device)
    right, loss = 0, 0.0
    with torch.inference_mode():
        for pixels, labels in pixel_batches(split, batch_size, device, "test set", progress):
            logits = network(pixels)
            right += int(are_right(logits, labels).sum())
            loss += float(F.cross_entropy(logits, labels, reduction="sum"))
            if isinstance(network, Interpretable):
                completeness.update(replace(network.contributions(pixels), logits=logits))
    account = completeness.compute() if isinstance(network, Interpretable) else None
    return Evaluation(Accuracy(right, len(split)), loss / len(split), account)


def test_of(card: Card, found: Evaluation) -> Test:
    low, high = found.accuracy.interval
    share, images = found.accuracy.share, found.accuracy.images
    return Test(card.seed, share, low, high, found.loss, images, card.training_seconds)


def measured_card(
    saved: SavedNetwork, tests: Sequence[Test], found: Evaluation, train_images: int, measured_on: str
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
