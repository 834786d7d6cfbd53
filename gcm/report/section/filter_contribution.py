"""Which filter paths decide (filter-contribution paper, section 3, figures 2 to 4)."""

import torch

from gcm.draw import draw_leading_filters, draw_paths_of_image
from gcm.file import markdown_table, write_csv
from gcm.report.evidence import Evidence
from gcm.report.filter_contribution import MEANING, combinations, leading_rows, long_rows, share_rows
from gcm.report.section.base import Section, figure, missing_section
from gcm.report.selection import first_right
from gcm.study.filter_contribution import check_paths, filter_paths

NAME = "tiny_lenet_mnist"


def filter_contribution(evidence: Evidence) -> Section:
    """The share table, figure 4, and one image's way through the network."""
    title = "Figures 2 to 4: contributions of filter paths"
    reason = evidence.lacks(NAME)
    if reason:
        return missing_section(title, reason)
    found, network = evidence.filter_contributions(NAME), check_paths(evidence.network(NAME), NAME)
    write_csv(evidence.directory / "filters.csv", long_rows(found))
    count = found.places.shape[1]
    places = torch.tensor([found.example(label) for label in range(len(found.classes))])
    pixels = evidence.train_split(NAME)[places][0].to(evidence.device).float().div_(255)
    path_4 = evidence.directory / "figure_4.png"
    caption_4 = (
        f"{NAME}: how often each filter path brings most to the true class's score, {count:,} training images of each "
        "class, beside each class's first image that is named rightly. Red: the path most often first; blue, dashed: "
        "of the others the one most often second"
    )
    draw_leading_filters(
        filter_paths(network, pixels),
        found.classes,
        [found.shares(0), found.shares(1)],
        found.leading,
        caption_4,
        path_4,
    )
    index = int(first_right(evidence.right(NAME), 1))
    pixels, labels = evidence.pixels(NAME, torch.tensor([index]))
    with torch.inference_mode():
        account = network.contributions(pixels)
    path_2 = evidence.directory / "figure_2_and_3.png"
    caption_2 = (
        f"{NAME}, test image {index}, the first that is named rightly: what each filter path brings to each class. "
        "Red: most; blue, dashed: second"
    )
    draw_paths_of_image(
        filter_paths(network, pixels),
        account.rest[0].cpu(),
        account.logits[0].cpu(),
        int(labels[0]),
        found.classes,
        caption_2,
        path_2,
    )
    weights = evidence.weights(NAME)
    body = (
        f"{MEANING}\n\n{markdown_table(leading_rows(found))}\n{combinations(found)}.\n\nHow often first / second, in "
        "per cent; path: first-layer filter → second-layer filter:\n\n"
        f"{markdown_table(share_rows(found))}\n"
        f"{figure(path_4, caption_4, f'task=filters weights={weights}')}\n"
        f"{figure(path_2, caption_2, f'task=filters weights={weights} indices=[{index}]')}"
    )
    return Section(title, body, key="filter_contributions", summary=markdown_table(leading_rows(found)))
