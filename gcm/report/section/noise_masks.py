"""Noise masks show what does not matter in an image (noise-mask paper, figure 6), beside the gradient family and deep
Taylor.
"""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from gcm.atomic_write import markdown_table, write_csv
from gcm.draw import Panel, draw_grid
from gcm.report.evidence import NONE_RIGHT, Evidence, Lack
from gcm.report.section.base import Section, figure, missing_section
from gcm.report.selection import first_right_of_each_class
from gcm.study.attention.foreground import BRIGHT, REACH, mean_by_zone
from gcm.study.noise_mask.table import NOISE_MASK_MEANING, image_rows, trial_rows
from gcm.study.noise_mask.trial import FoundMasks, TrialSettings, found_masks
from gcm.visualizer import DeepTaylor, Saliency, SmoothGrad, explain_with
from gcm.visualizer.noise_mask_search import NoiseMaskSettings

NAME = "cnn3_mnist"
SETTINGS = NoiseMaskSettings()
"""The settings of the search for masks, but for the threshold of the logits."""
PLAIN, TIED = "logits as they are", "logits masked too"
VISUALIZERS = {"saliency": Saliency(), "SmoothGrad": SmoothGrad(), "deep Taylor": DeepTaylor()}
VARIANTS = {PLAIN: None, TIED: 0.0}
"""The logits' threshold without and with the mask after the last layer."""
COLUMNS = ("image", *VISUALIZERS, *(f"noise mask, {variant}" for variant in VARIANTS))


def noise_masks(evidence: Evidence) -> Section:
    title = "Figure 6 of the noise-mask paper: what does not matter"
    lack = evidence.lacks(NAME)
    if lack:
        return missing_section(title, lack)
    indices = images_of(NAME, evidence)
    if not len(indices):
        return missing_section(title, Lack(NAME, NONE_RIGHT))
    classes = evidence.card(NAME).spec.classes
    labels = evidence.test_split(NAME).labels[indices]
    found = {variant: masks_of(NAME, threshold, evidence) for variant, threshold in VARIANTS.items()}
    rows = [
        {"variant": variant, **row}
        for variant, masks in found.items()
        for row in image_rows(masks, indices.tolist(), labels, classes)
    ]
    write_csv(evidence.directory / "noise_masks.csv", rows)
    shown = first_of_each(labels)
    path = evidence.directory / "noise_masks.png"
    caption = (
        f"{NAME}: what matters to the true class by its gradient and by deep Taylor decomposition, and what does not "
        "matter to any (white) by noise masks; of each class the first test image that is classified correctly, "
        f"{indices[shown].tolist()}"
    )
    names = [classes[label] for label in labels[shown]]
    draw_grid(panels(evidence, shown, labels, found), names, COLUMNS, caption, path)
    trials = "\n".join(
        f"Noise on {len(indices)} images; {variant}; {white(masks)} of the masks are 1 at every pixel:\n\n"
        f"{markdown_table(trial_rows(masks))}"
        for variant, masks in found.items()
    )
    zones = [{"noise mask": variant, **zone_row(masks)} for variant, masks in found.items()]
    body = (
        f"{NOISE_MASK_MEANING} With the logits masked too, those that are not above 0 are tied at 0, so that little is "
        "left that noise could change.\n\n"
        f"{trials}\nMean of the mask on the digit (brighter than {BRIGHT}), within {REACH} pixels of it, and beyond:"
        f"\n\n{markdown_table(zones)}\n{figure(path, caption)}"
    )
    return Section(title, body, key="noise_masks", summary=markdown_table(trial_rows(found[PLAIN])))


def first_of_each(labels: Tensor) -> list[int]:
    """Return the place of each class's first image."""
    return [labels.tolist().index(label) for label in labels.unique().tolist()]


def white(found: FoundMasks) -> int:
    """Return how many masks are 1 at every pixel."""
    return int((found.masks.strength == 1).all(2).all(1).sum())


def zone_row(found: FoundMasks) -> dict[str, str]:
    return {zone: f"{means.nanmean():.2f}" for zone, means in mean_by_zone(found.masks.strength, found.images).items()}


def panels(
    evidence: Evidence, shown: list[int], labels: Tensor, found: Mapping[str, FoundMasks]
) -> list[list[Panel | None]]:
    """Return for each image the panels of a row, in the order of `COLUMNS`."""
    images = next(iter(found.values())).images[shown]
    network = evidence.network(NAME)
    maps = explain_with(VISUALIZERS, network, images.to(evidence.device))
    return [
        [
            Panel(image),
            *(Panel(explanation.maps[row, labels[place]].cpu(), signed=True) for explanation in maps.values()),
            *(Panel(masks.masks.strength[place].unsqueeze(0)) for masks in found.values()),
        ]
        for row, (image, place) in enumerate(zip(images, shown, strict=True))
    ]


def images_of(name: str, evidence: Evidence) -> Tensor:
    """Return the places of the first ten test images of each class that the network classifies correctly."""
    labels, classes = evidence.test_split(name).labels, len(evidence.card(name).spec.classes)
    return first_right_of_each_class(evidence.right(name), labels, classes, 10)


def masks_of(name: str, output_threshold: float | None, evidence: Evidence) -> FoundMasks:
    """Return the noise masks of those images, all activations masked, and the logits up to a threshold."""
    settings = replace(SETTINGS, thresholds=replace(SETTINGS.thresholds, output=output_threshold))
    images, _ = evidence.pixels(name, images_of(name, evidence))
    return evidence.once(
        ("noise masks", name, output_threshold),
        lambda: found_masks(evidence.network(name), images, settings, TrialSettings()),
    )


SECTIONS = {50: noise_masks}
