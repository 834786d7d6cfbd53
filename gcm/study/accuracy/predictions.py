"""What a network says of a whole test set, and how two networks' accuracies compare."""

from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from gcm.console import with_progress
from gcm.data import Split, as_pixels
from gcm.data.loader import OrderedBatches, loader
from gcm.model import Classifier, evaluation_mode
from gcm.model.answer import logits_of


def split_logits(name: str | None, network: Classifier, split: Split, batch_size: int = 500) -> Tensor:
    """Logits `(N,K)` of every image, in order, on the CPU; `name`: of the network, for a progress bar. None: no bar."""
    device = next(network.parameters()).device
    batches = OrderedBatches(len(split), batch_size)
    loaded = loader(split, batches)
    shown = loaded if name is None else with_progress(loaded, f"{name}: logits", len(batches))
    with torch.inference_mode(), evaluation_mode(network):
        parts = [logits_of(network, as_pixels(images, device)).cpu() for images, _ in shown]
    return torch.cat(parts).clone()


class Difference(NamedTuple):
    """How much more accurate one network is than another on the same images, with a 95 % interval."""

    value: float
    low: float
    high: float


def accuracy_difference(first_right: Tensor, second_right: Tensor) -> Difference:
    """Paired: images `(N,)` that both get right, or both wrong, say nothing (normal approximation)."""
    scores = first_right.double() - second_right.double()
    margin = 1.96 * sqrt(float(scores.var(correction=0)) / len(scores))
    return Difference(float(scores.mean()), float(scores.mean()) - margin, float(scores.mean()) + margin)
