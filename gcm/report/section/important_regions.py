"""The regions that a class is recognised by (filter-contribution paper, section 4, figures 5 and 6)."""

import torch

from gcm.atomic_write import markdown_table
from gcm.report.evidence import Evidence
from gcm.report.section.base import Section, figure, missing_section
from gcm.report.section.filter_contribution import contributions_of
from gcm.study.region_deletion.figure import draw_important_regions
from gcm.study.region_deletion.numbers import RegionTrial

NAME = "tiny_lenet_mnist"
REGIONS_MEANING = (
    "Wrong before: images that are misclassified before anything is deleted, and left out. Half are wrong after: how "
    "many deletions."
)
GRIDS = {14: "figure 6", 4: "figure 5"}


def important_regions(evidence: Evidence) -> Section:
    title = "Figures 5 and 6 of the filter-contribution paper: important regions"
    lack = evidence.lacks(NAME)
    if lack:
        return missing_section(title, lack)
    network, split = evidence.network(NAME), evidence.train_split(NAME)
    classes, places = network.spec.classes, contributions_of(NAME, evidence).places
    count = places.shape[1]
    parts = []
    for grid, paper_figure in GRIDS.items():
        trials = [
            RegionTrial.of_class(network, split, places[label], label, grid, "black") for label in range(len(classes))
        ]
        deletions = [trial.run(trial.start()) for trial in trials]
        means = torch.stack([trial.mean_image for trial in trials])
        path = evidence.directory / f"important_regions_{grid}.png"
        caption = (
            f"{NAME}, {grid}x{grid} regions ({paper_figure}): the region without which most images are misclassified "
            f"is deleted, again and again; {count:,} training images of each class; one scale"
        )
        draw_important_regions(deletions, means, classes, grid, caption, path)
        rows = [
            {
                "class": classes[deletion.label],
                "wrong before": deletion.wrong_before,
                "regions deleted": len(deletion.order),
                "end": deletion.end,
                "half are wrong after": rounds_to_half(deletion.survivors),
            }
            for deletion in deletions
        ]
        command = f"task=regions weights={evidence.weights(NAME)} task.grid={grid}"
        parts.append(f"{grid}x{grid} regions:\n\n{markdown_table(rows)}\n{figure(path, caption, command)}")
    return Section(title, "\n".join([f"{REGIONS_MEANING}\n", *parts]))


def rounds_to_half(survivors: list[int]) -> int | str:
    """Return after how many deletions at most half of the images are left."""
    half = [number for number, left in enumerate(survivors) if 2 * left <= survivors[0]]
    return half[0] if half else "never"


SECTIONS = {41: important_regions}
