"""The contributions of filter paths become tables and figures."""

from pathlib import Path
from typing import Any

import torch

from gcm.data import Split, as_pixels
from gcm.model import PathNetwork
from gcm.study.filter_contribution.figure import draw_leading_filters, draw_paths_of_image
from gcm.study.filter_contribution.numbers import FilterContributions, filter_responses, share_of_samples_that_differ

MOST_COLUMNS = 16
"""The most paths that have a column each in a table."""
CONTRIBUTION_MEANING = (
    "Contribution: what a path (first-layer filter → second-layer filter) brings to the true class's score; all paths "
    "and what the biases bring add up to the score exactly. First: the path that brings most."
)


def long_rows(found: FilterContributions) -> list[dict[str, Any]]:
    """Return a line for each class and path; nothing is rounded."""
    first, second = found.shares(0), found.shares(1)
    count = found.places.shape[1]
    means = found.parts.double().mean(1)
    return [
        {
            "class": name,
            "first_layer_filter": path.first + 1,
            "second_layer_filter": path.second + 1,
            "first": round(float(first[label, path.first, path.second]) * count),
            "first_share": float(first[label, path.first, path.second]),
            "second": round(float(second[label, path.first, path.second]) * count),
            "second_share": float(second[label, path.first, path.second]),
            "mean_contribution": float(means[label, path.first, path.second]),
            "n": count,
        }
        for label, name in enumerate(found.classes)
        for path in found.paths
    ]


def leading_rows(found: FilterContributions) -> list[dict[str, Any]]:
    """Return for each class the path most often first, and of the others the one most often second."""
    first, second = found.shares(0), found.shares(1)
    return [
        {
            "class": name,
            "most often first": f"{leader} ({float(first[label][leader]):.0%})",
            "most often second": f"{follower} ({float(second[label][follower]):.0%})",
            "accuracy": f"{found.right[label].double().mean():.1%}",
        }
        for label, (name, (leader, follower)) in enumerate(zip(found.classes, found.leading, strict=True))
    ]


def share_rows(found: FilterContributions) -> list[dict[str, Any]]:
    """Return a row for each class, a column for each path: how often first / second, in per cent."""
    first, second = found.shares(0), found.shares(1)
    return [
        {"class": name}
        | {
            str(path): f"{100 * float(first[label][path]):.1f} / {100 * float(second[label][path]):.1f}"
            for path in found.paths
        }
        for label, name in enumerate(found.classes)
    ]


def combinations(found: FilterContributions) -> str:
    """Return how many classes share their pair of leading paths with another."""
    leading = found.leading
    firsts, pairs = len({leader for leader, _ in leading}), len(set(leading))
    share = share_of_samples_that_differ(found)
    return (
        f"{len(leading)} classes: {firsts} different first paths, {pairs} different pairs of first and second; all "
        f"pairs differ in {share:.1%} of 1,000 bootstrap samples of the images"
    )


def draw_leading(found: FilterContributions, network: PathNetwork, split: Split, title: str, path: Path) -> None:
    """Draw the paper's figure 4; a class's example is its first image classified correctly, if any is."""
    labels = torch.arange(len(found.classes))
    places = torch.tensor([found.example(label) for label in labels.tolist()])
    device = network.linear.weight.device
    pixels = as_pixels(split[places][0], device)
    draw_leading_filters(
        filter_responses(network, pixels, labels.unsqueeze(1).to(device)),
        found.classes,
        [found.shares(0), found.shares(1)],
        found.leading,
        title,
        path,
    )


def draw_way(network: PathNetwork, split: Split, index: int, title: str, path: Path) -> None:
    """Draw one image's way through the network, in the layout of the paper's figures 2 and 3."""
    images, labels = split[torch.tensor([index])]
    pixels = as_pixels(images, network.linear.weight.device)
    with torch.inference_mode():
        account = network.contributions(pixels)
    draw_paths_of_image(
        filter_responses(network, pixels),
        account.rest[0].cpu(),
        account.logits[0].cpu(),
        int(labels[0]),
        network.spec.classes,
        f"{title}: what each filter path brings to each class",
        path,
    )
