"""Images beside the positive part of the true class's map (GCM paper, figures 6 and 9)."""

from functools import partial

from gcm.draw import Panel, draw_grid, scale_of
from gcm.rendering import Product
from gcm.report.evidence import Evidence
from gcm.report.section.base import Section, figure, missing_section
from gcm.report.selection import first_right_of_each_class
from gcm.visualizer import ClassWeightMaps

OF_EACH_CLASS = 3


def true_class_maps(number: int, name: str, evidence: Evidence) -> Section:
    title = f"Figure {number}: what speaks for the true class, {name}"
    lack = evidence.lacks(name)
    if lack:
        return missing_section(title, lack)
    network, classes = evidence.network(name), evidence.card(name).spec.classes
    labels = evidence.test_split(name).labels
    indices = first_right_of_each_class(evidence.right(name), labels, len(classes), OF_EACH_CLASS)
    pixels, labels = evidence.pixels(name, indices)
    maps = ClassWeightMaps()(network, pixels, labels.unsqueeze(1)).maps
    pictures = Product()(maps, pixels)[:, 0].clamp_min(0).cpu()
    rows: list[list[Panel]] = [[] for _ in classes]
    for image, picture, label in zip(pixels.cpu(), pictures, labels.tolist(), strict=True):
        rows[label] += [Panel(image), Panel(picture / scale_of(picture))]
    path = evidence.directory / f"figure_{number}.png"
    caption = (
        f"{name}: test images and the positive part of the true class's contribution map, each from black (0) to "
        f"the 99.8th percentile of its values; the first {OF_EACH_CLASS} of each class that are classified correctly"
    )
    draw_grid(rows, classes, ["image", "for its class"] * OF_EACH_CLASS, caption, path)
    return Section(title, figure(path, caption))


SECTIONS = {30: partial(true_class_maps, 6, "gcm_svhn"), 33: partial(true_class_maps, 9, "gcm_cifar10")}
