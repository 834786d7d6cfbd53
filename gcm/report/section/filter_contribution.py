"""Some filter paths decide (filter-contribution paper, section 3, figures 2 to 4)."""

from gcm.atomic_write import markdown_table, write_csv
from gcm.report.evidence import Evidence
from gcm.report.section.base import Section, figure, missing_section
from gcm.study.filter_contribution.numbers import FilterContributions, check_paths, filter_contributions
from gcm.study.filter_contribution.table import (
    CONTRIBUTION_MEANING,
    combinations,
    draw_leading,
    draw_way,
    leading_rows,
    long_rows,
    share_rows,
)

NAME = "tiny_lenet_mnist"


def filter_contribution(evidence: Evidence) -> Section:
    """Return the section with the share table, figure 4, and one image's way through the network."""
    title = "Figures 2 to 4: contributions of filter paths"
    lack = evidence.lacks(NAME)
    if lack:
        return missing_section(title, lack)
    found, network = contributions_of(NAME, evidence), check_paths(evidence.network(NAME), NAME)
    write_csv(evidence.directory / "filters.csv", long_rows(found))
    figure_4, figure_2 = evidence.directory / "figure_4.png", evidence.directory / "figure_2_and_3.png"
    caption_4 = (
        f"{NAME}: how often each filter path brings most to the true class's score, "
        f"{found.places.shape[1]:,} training images of each class, beside an example"
    )
    draw_leading(found, network, evidence.train_split(NAME), caption_4, figure_4)
    index = int(evidence.right(NAME).int().argmax())
    caption_2 = f"{NAME}, test image {index}"
    draw_way(network, evidence.test_split(NAME), index, caption_2, figure_2)
    weights = evidence.weights(NAME)
    body = (
        f"{CONTRIBUTION_MEANING}\n\n{markdown_table(leading_rows(found))}\n{combinations(found)}.\n\n"
        "How often first / second, in per cent; path: first-layer filter → second-layer filter:\n\n"
        f"{markdown_table(share_rows(found))}\n"
        f"{figure(figure_4, caption_4, f'task=filters weights={weights}')}\n"
        f"{figure(figure_2, caption_2, f'task=filters weights={weights} indices=[{index}]')}"
    )
    return Section(title, body, key="filter_contributions", summary=markdown_table(leading_rows(found)))


def contributions_of(name: str, evidence: Evidence) -> FilterContributions:
    """Measure contributions for the first 1,000 training images of each class, or as many as every class has."""
    network, split, progress = evidence.network(name), evidence.train_split(name), evidence.progress
    return evidence.once(
        ("filter contributions", name), lambda: filter_contributions(name, network, split, None, progress=progress)
    )


SECTIONS = {40: filter_contribution}
