"""Class contribution maps of all classes (GCM paper, figures 7 and 8), and what centring them changes."""

from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor

from gcm.draw import draw_class_maps, scale_of
from gcm.error import listed
from gcm.rendering import Product
from gcm.report.evidence import NONE_RIGHT, Evidence, Lack
from gcm.report.section.base import Section, figure, missing_section
from gcm.report.selection import RULE, certain_and_uncertain, first_right, first_wrong
from gcm.visualizer import ClassWeightMaps
from gcm.visualizer.gcm import Centre

NOTES: dict[Centre, str] = {"none": "plain", "mean": "less mean", "median": "less median", "minimum": "less minimum"}
PAIR = ("gcm_cifar10", "gcm_clipped_cifar10")


@dataclass(frozen=True)
class ClassMapFigure:
    """A figure in the layout of figure 7: its file's name, the network, the images, what it shows."""

    name: str
    network: str
    indices: Tensor
    caption: str


def figure_7(evidence: Evidence) -> Section:
    """Draw GCM's maps on images that it classifies correctly, and on wrong ones."""
    title = "Figure 7: class contribution maps of GCM"
    name = PAIR[0]
    lack = evidence.lacks(name)
    if lack:
        return missing_section(title, lack)
    right, logits = evidence.right(name), evidence.logits(name)
    shown = torch.cat([first_right(right, 4), certain_and_uncertain(logits, right)])
    figures = [ClassMapFigure("figure_7", name, shown, "the first four right ones, the most and the least certain")]
    if not right.all():
        figures.append(ClassMapFigure("figure_7_wrong", name, first_wrong(right, 3), "the first three wrong ones"))
    return Section(title, f"{RULE}\n\n" + "\n".join(drawn(evidence, asked) for asked in figures))


def figure_8(evidence: Evidence) -> Section:
    """Draw the clipped network's maps on the same images, as far as both are right."""
    title = "Figure 8: class contribution maps, clipped"
    lack = evidence.lacks(*PAIR)
    if lack:
        return missing_section(title, lack)
    both = evidence.right(PAIR[0]) & evidence.right(PAIR[1])
    if not both.any():
        return missing_section(title, Lack(listed(PAIR), NONE_RIGHT))
    indices = first_right(both, 3)
    figures = (
        ClassMapFigure("figure_8_signed", PAIR[0], indices, "signed; the first three both networks classify correctly"),
        ClassMapFigure("figure_8_clipped", PAIR[1], indices, "clipped; the same images"),
    )
    return Section(title, "\n".join(drawn(evidence, asked) for asked in figures))


def drawn(evidence: Evidence, asked: ClassMapFigure) -> str:
    pixels, labels = evidence.pixels(asked.network, asked.indices)
    network = evidence.network(asked.network)
    explanation = ClassWeightMaps()(network, pixels)
    path = evidence.directory / f"{asked.name}.png"
    caption = f"{asked.network}, class contribution maps; {asked.caption}; test images {asked.indices.tolist()}"
    draw_class_maps(
        pixels.cpu(),
        Product()(explanation.maps, pixels).cpu(),
        explanation.logits.cpu(),
        labels,
        network.spec.classes,
        title=caption,
        in_colours=False,
        path=path,
    )
    indices = ",".join(map(str, asked.indices.tolist()))
    return figure(
        path, caption, f"task=explain weights={evidence.weights(asked.network)} visualizer=gcm indices=[{indices}]"
    )


def centred(evidence: Evidence) -> Section:
    """Draw the same maps plain and centred, beside each other on one scale."""
    title = "Class-centred maps"
    name = PAIR[0]
    lack = evidence.lacks(name)
    if lack:
        return missing_section(title, lack)
    centres = get_args(Centre)
    indices = first_right(evidence.right(name), 2)
    pixels, labels = evidence.pixels(name, indices)
    network = evidence.network(name)
    explanations = [ClassWeightMaps(centre)(network, pixels) for centre in centres]
    pictures = torch.stack([Product()(explanation.maps, pixels).cpu() for explanation in explanations], dim=1)
    limits = [scale_of(of_image) for of_image in pictures for _ in centres]
    path = evidence.directory / "class_centred.png"
    times = len(centres)
    caption = (
        f"{name}, class contribution maps with each pixel's {', '.join(centres[1:])} over the classes taken away, "
        f"beside the plain ones; one scale for an image; test images {indices.tolist()}"
    )
    draw_class_maps(
        pixels.cpu().repeat_interleave(times, 0),
        pictures.flatten(0, 1),
        pictures.flatten(0, 1).mean((2, 3, 4)),
        labels.repeat_interleave(times),
        network.spec.classes,
        title=caption,
        in_colours=False,
        path=path,
        notes=[NOTES[centre] for centre in centres] * len(indices),
        limits=limits,
    )
    body = (
        "Softmax does not change when all class scores lose the same number, so each pixel may lose what its classes "
        "have in common. Probabilities and decision stay what they were; the pictures then show what speaks for a "
        "class rather than for the others. The decline-ratio table has their rows.\n\n" + figure(path, caption)
    )
    return Section(title, body)


SECTIONS = {31: figure_7, 32: figure_8, 35: centred}
