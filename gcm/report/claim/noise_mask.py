"""Claims of the noise-mask paper: what does not contribute to the output, and what does."""

import torch

from gcm.report.claim.base import CONTRADICTED, INCONCLUSIVE, NOT_TESTABLE, SUPPORTED, Claim, Finding
from gcm.report.evidence import Evidence
from gcm.report.section.noise_masks import images_of, masks_of
from gcm.study.attention.foreground import BRIGHT, REACH, mean_by_zone

NAME = "cnn3_mnist"
NON_CONTRIBUTING = 0.5
"""The mean of its noise mask from which on a zone does not contribute."""
MOST = 0.95
"""The share of the images that decides."""


def background_does_not_contribute(evidence: Evidence) -> Finding:
    if not len(images_of(NAME, evidence)):
        return f"{NAME} classifies no test image correctly", NOT_TESTABLE
    found = masks_of(NAME, None, evidence)
    means = mean_by_zone(found.masks.strength, found.images)
    as_claimed = torch.stack([(mean >= NON_CONTRIBUTING) == (zone == "beyond") for zone, mean in means.items()]).all(0)
    share = float(as_claimed.double().mean())
    amounts = ", ".join(f"{zone} {mean.nanmean():.2f}" for zone, mean in means.items())
    measured = (
        f"mean of the noise masks of {len(found.images)} test images: {amounts} (object: brighter than {BRIGHT}; near: "
        f"within {REACH} pixels of it); at least {NON_CONTRIBUTING} beyond and less elsewhere in {share:.0%} of them. "
        "The network's convolutions have no biases, so far from the digit it holds by construction"
    )
    if 1 - MOST < share < MOST:
        return measured, INCONCLUSIVE
    return measured, SUPPORTED if share >= MOST else CONTRADICTED


NOISE_MASK = (
    Claim(
        "the background does not contribute; the digit and its near surroundings do",
        "noise masks, 4.2",
        (NAME,),
        background_does_not_contribute,
    ),
)
