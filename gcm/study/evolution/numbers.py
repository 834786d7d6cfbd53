"""An evolution is what a network can do, and where it looks, after some iterations of its training."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gcm.data import Split, as_pixels
from gcm.metric import Mean, mean_with_interval
from gcm.model import Classifier
from gcm.progress import SILENT, Progress
from gcm.study.accuracy.predictions import accuracy, split_logits
from gcm.study.attention.numbers import Explained, attention, moved, on_object
from gcm.visualizer import Visualizer
from gcm.zoo import SavedNetwork

EXPLAINED: tuple[Explained, ...] = ("predicted", "label")
BATCH = 250
EvidenceMaps = dict[Explained, Tensor]


@dataclass(frozen=True)
class Moment:
    """A run after one of its iterations.

    Attributes:
        run: its name.
        seed: seed of its training.
        command: the command that trained it.
        iteration: optimizer steps taken.
        accuracy: accuracy on all `tested` test images; `low` and `high` are its 95 % interval (Wilson).
        on_object: share of the evidence that lies on the object's pixels, by the class that is explained, over the
            images that have any evidence; None where images are not grey, so that nothing is known of an object.
        moved: how far the evidence moved since the moment before, over images that had and have any; None at first.
    """

    run: str
    seed: int
    command: str
    iteration: int
    accuracy: float
    low: float
    high: float
    tested: int
    on_object: dict[Explained, Mean] | None
    moved: dict[Explained, Mean] | None


def moments(
    run: str,
    steps: Sequence[tuple[int, SavedNetwork]],
    visualizer: Visualizer,
    split: Split,
    count: int,
    device: torch.device,
    progress: Progress = SILENT,
) -> list[Moment]:
    """Return one moment for each step; attention is measured on the first `count` images of the split."""
    images, labels = split[torch.arange(count)]
    pixels = as_pixels(images, "cpu")
    before: EvidenceMaps = {}
    found = []
    for step, saved in progress.of(run).over(steps, "iterations", len(steps)):
        network = saved.network().to(device)
        found_accuracy = accuracy(split_logits(network, split), split.labels)
        low, high = found_accuracy.interval
        now = {
            explained: evidence_maps(visualizer, network, pixels, labels, explained, device) for explained in EXPLAINED
        }
        shares = {explained: mean_of_known(on_object(part, pixels)) for explained, part in now.items()}
        moves = {explained: mean_of_known(moved(part, now[explained])) for explained, part in before.items()}
        found.append(
            Moment(
                run=run,
                seed=saved.card.seed,
                command=saved.card.command,
                iteration=step,
                accuracy=found_accuracy.share,
                low=low,
                high=high,
                tested=len(split),
                on_object=shares if images.shape[1] == 1 else None,
                moved=moves or None,
            )
        )
        before = now
    return found


def mean_of_known(values: Tensor) -> Mean:
    """Return the mean of values `(N,)`, NaN left out."""
    known = values[~values.isnan()]
    return mean_with_interval(known) if len(known) else Mean(torch.nan, torch.nan, torch.nan, 0)


def evidence_maps(
    visualizer: Visualizer,
    network: Classifier,
    pixels: Tensor,
    labels: Tensor,
    explained: Explained,
    device: torch.device,
) -> Tensor:
    """Return the evidence of many images `(N,C,H,W)`, batch by batch, as in `attention`: `(N,H,W)`."""
    parts = []
    for images, named in zip(pixels.split(BATCH), labels.split(BATCH), strict=True):
        _, found = attention(visualizer, network, images.to(device), named.to(device), explained)
        parts.append(found.cpu())
    return torch.cat(parts)
