"""A trial tells what noise masks do to a network's decision."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gcm.data.loader import seeded_generator
from gcm.model import Classifier
from gcm.types import PositiveCount, Seed, Share
from gcm.visualizer.base import inspected
from gcm.visualizer.masked_network import MaskedNetwork
from gcm.visualizer.noise_mask_search import (
    COPIES_AT_ONCE,
    NoiseMasks,
    NoiseMaskSearch,
    NoiseMaskSettings,
    joined,
    uniform_noise,
    with_noise,
)

TRIAL = 0
"""A number that keeps the draws of a trial apart from those of a search, which are numbered from 1."""

Placement = Literal["high", "random", "low"]
PLACEMENTS: tuple[Placement, ...] = ("high", "random", "low")
"""The places of noise: where the mask is high, anywhere, where it is low."""
Noise = Literal["mask", "high", "random", "low"]
NOISES: tuple[Noise, ...] = ("mask", *PLACEMENTS)
"""The kinds of noise: as strong as the mask says; or the same amount of full noise for every image and placement."""
Judge = Literal["masked", "real"]
JUDGES: tuple[Judge, ...] = ("masked", "real")
"""The network with the image's masks, and as it is."""


@dataclass(frozen=True)
class NoiseTrial:
    """A trial of one noise.

    Attributes:
        change: mean absolute change of the logits over noisy copies and classes, `(B,)`.
        kept: share of the noisy copies that are classified as the image itself is, `(B,)`.
    """

    change: Tensor
    kept: Tensor


@dataclass(frozen=True)
class FoundMasks:
    """The noise masks of `B` images and their trials.

    Attributes:
        images: `(B,C,H,W)` in [0,1].
        masks: what was found.
        predicted: the class that each network names, `(B,)`.
        trials: the trials by noise and network.
    """

    images: Tensor
    masks: NoiseMasks
    predicted: dict[Judge, Tensor]
    trials: dict[tuple[Noise, Judge], NoiseTrial]

    def least(self, judge: Judge) -> list[Placement | None]:
        """Return which placement changes each image's logits least; None where two change them equally little."""
        changes = torch.stack([self.trials[where, judge].change for where in PLACEMENTS], 1)  # (B,3)
        smallest = changes == changes.amin(1, keepdim=True)
        return [PLACEMENTS[int(flags.int().argmax())] if int(flags.sum()) == 1 else None for flags in smallest]


@dataclass(frozen=True, kw_only=True)
class TrialSettings:
    """Settings of a trial.

    Attributes:
        copies: noisy copies of an image.
        placed: share of the pixels on which full noise is placed.
        seed: seed of the noise and of the places.
    """

    copies: PositiveCount = 200
    placed: Share = 0.25
    seed: Seed = 0


def found_masks(
    network: Classifier,
    images: Tensor,
    mask: NoiseMaskSettings,
    trial: TrialSettings,
    finish: Callable[[NoiseMaskSearch, int], NoiseMasks] = lambda search, _: search.run(),
) -> FoundMasks:
    """Find the noise masks of images `(B,C,H,W)`, at least one, and try them.

    `finish` ends the search of a batch, whose number it is told. Raises `InputError` where the network has activations
    that cannot be masked.
    """
    found, predictions, trials = [], [], []
    for number, batch in enumerate(mask.batches(images)):
        with inspected(network, batch) as forward_pass:
            pixels = forward_pass.images
            masked = MaskedNetwork.of_images(network, pixels, mask.thresholds)
            judges: dict[Judge, MaskedNetwork] = {"masked": masked, "real": masked.without_masks()}
            masks = finish(NoiseMaskSearch(masked, pixels, mask), number)
            strengths = trial_strengths(masks.strength, trial)
            found.append(masks)
            predictions.append({judge: judges[judge](pixels.unsqueeze(1)).argmax(2).squeeze(1) for judge in JUDGES})
            trials.append(
                {
                    (noise, judge): noise_trial(judges[judge], pixels, strengths[noise], trial)
                    for noise in NOISES
                    for judge in JUDGES
                }
            )
    return FoundMasks(
        images.cpu(),
        joined(found),
        {judge: torch.cat([of_batch[judge] for of_batch in predictions]).cpu() for judge in JUDGES},
        {
            key: NoiseTrial(
                torch.cat([of_batch[key].change for of_batch in trials]).cpu(),
                torch.cat([of_batch[key].kept for of_batch in trials]).cpu(),
            )
            for key in trials[0]
        },
    )


def noise_trial(network: MaskedNetwork, images: Tensor, strength: Tensor, trial: TrialSettings) -> NoiseTrial:
    """Try noise of `strength` `(B,H,W)` on images `(B,C,H,W)`, drawn anew, not that of the search."""
    logits = network(images.unsqueeze(1))  # (B,1,K)
    change, kept = images.new_zeros(len(images)), images.new_zeros(len(images))
    draws = uniform_noise(trial.copies, images, trial.seed, TRIAL)
    for some in draws.split(max(1, COPIES_AT_ONCE // len(images))):
        noisy = network(with_noise(images, strength, some))  # (B,N,K)
        change += (noisy - logits).abs().mean(2).sum(1)
        kept += (noisy.argmax(2) == logits.argmax(2)).sum(1)
    return NoiseTrial(change / trial.copies, kept / trial.copies)


def trial_strengths(strength: Tensor, trial: TrialSettings) -> dict[Noise, Tensor]:
    """Return how strong each noise is at each pixel, for masks `(B,H,W)`."""
    strengths: dict[Noise, Tensor] = {"mask": strength}
    for where in PLACEMENTS:
        strengths[where] = placed(strength, where, trial)
    return strengths


def placed(strength: Tensor, where: Placement, trial: TrialSettings) -> Tensor:
    """Return full strength on a share of the pixels and none elsewhere, `(B,H,W)`.

    Of pixels where the mask is the same, those are taken that come first in a random order.
    """
    generator = seeded_generator("cpu", trial.seed, TRIAL, 1)
    shuffled = torch.randperm(strength[0].numel(), generator=generator).to(strength.device)
    values = strength.flatten(1)[:, shuffled]
    ranked = {
        "high": values.argsort(dim=1, descending=True, stable=True),
        "random": torch.arange(values.shape[1], device=values.device).expand_as(values),
        "low": values.argsort(dim=1, stable=True),
    }[where]
    chosen = shuffled[ranked[:, : round(trial.placed * values.shape[1])]]
    return torch.zeros_like(values).scatter(1, chosen, 1.0).view_as(strength)
