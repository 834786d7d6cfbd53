"""A network's attention is where it looks, and how that changes while it learns (section 4 of the papers: the shell
lab).
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from gcm.model import Classifier, evaluation_mode
from gcm.model.answer import logits_of
from gcm.model.base import check_entering
from gcm.rendering.base import resized
from gcm.study.attention.foreground import foreground_zones
from gcm.visualizer import Visualizer

Explained = Literal["predicted", "label"]
"""The class that is explained: the one that the network names, or the right one."""


def attention(
    visualizer: Visualizer, network: Classifier, images: Tensor, labels: Tensor, explained: Explained
) -> tuple[Tensor, Tensor]:
    """Return logits `(B,K)`, and the evidence for the class that is explained, `(B,H,W)`, 0 or more.

    Evidence against the class is left out. Images `(B,C,H,W)`, float in [0,1]; labels `(B,)`.
    """
    check_entering(network, images)
    with torch.no_grad(), evaluation_mode(network):
        logits = logits_of(network, images)
    targets = (labels if explained == "label" else logits.argmax(1)).unsqueeze(1)
    maps = visualizer(network, images, targets).maps
    return logits, resized(maps, images, "bilinear").sum(2).squeeze(1).clamp_min(0)


def on_object(evidence: Tensor, images: Tensor) -> Tensor:
    """Return the share of evidence `(B,H,W)` on the object, bright on a dark ground, `(B,)`; NaN without evidence."""
    evidence = evidence.double()
    return (evidence * foreground_zones(images)["object"]).sum((1, 2)) / evidence.sum((1, 2))


def moved(before: Tensor, after: Tensor) -> Tensor:
    """Return how far evidence `(B,H,W)` moved, whatever its strength: 1 - cosine, `(B,)`; 0: not at all, 1: elsewhere.

    NaN where there is none before or after.
    """
    before, after = before.double().flatten(1), after.double().flatten(1)
    there = before.any(1) & after.any(1)
    return (1 - F.cosine_similarity(before, after)).where(there, torch.nan)


def explained_class(explained: Explained) -> str:
    return "label" if explained == "label" else "predicted class"
