"""`task=filters`: which filter paths decide, over many images and for single ones."""

from pathlib import Path
from typing import Literal

import torch
from omegaconf import DictConfig

from gcm.console import say, show_table
from gcm.data import ImageData, Split
from gcm.draw import draw_leading_filters, draw_paths_of_image
from gcm.file import markdown_table, write_csv, write_text
from gcm.model import PathNetwork
from gcm.report.filter_contribution import (
    MEANING,
    MOST_COLUMNS,
    combinations,
    leading_rows,
    long_rows,
    share_rows,
)
from gcm.setting import PositiveCount
from gcm.study.filter_contribution import (
    FilterContributions,
    check_paths,
    filter_contributions,
    filter_paths,
)
from gcm.task.explain import chosen_images
from gcm.task.run_directory import run_directory
from gcm.task.settings import refuse, settings_of
from gcm.task.weights import device_of, named_data, named_network

SplitName = Literal["train", "test"]


def filters(config: DictConfig, split: SplitName = "train", images_per_class: PositiveCount = 1000) -> None:
    """Rank the paths of a network for the first images of each class; with `indices=` show single test images too."""
    refuse(config, "resume")
    saved = named_network(config)
    data = named_data(config, [saved])
    network = check_paths(saved.network().to(device_of(config)), saved.card.name)
    settings = settings_of(config)
    chosen = settings.indices is not None or settings.label is not None
    indices = chosen_images(settings, data.test.labels, data.class_names()).tolist() if chosen else []
    found = filter_contributions(saved.card.name, network, split_of(data, split), images_per_class)
    with run_directory(config) as directory:
        title = f"{saved.card.name}: which filter paths decide, {images_per_class:,} {split} images of each class"
        write_filter_contributions(found, title, directory)
        draw_leading(found, network, split_of(data, split), title, directory / "leading_filters.png")
        for index in indices:
            path = directory / f"image_{index}.png"
            draw_image(network, data.test, index, saved.card.name, path)
            say(f"figure: {path}")
    show_table(title, leading_rows(found))
    say(MEANING)
    say(combinations(found))
    say(f"files: {directory}")


def split_of(data: ImageData, name: SplitName) -> Split:
    return {"train": lambda: data.train, "test": lambda: data.test}[name]()


def write_filter_contributions(found: FilterContributions, title: str, directory: Path) -> None:
    """`filters.csv`, a line for each class and path, and `filters.md`."""
    write_csv(directory / "filters.csv", long_rows(found))
    text = f"# {title}\n\n{markdown_table(leading_rows(found))}\n{MEANING}\n\n{combinations(found)}.\n"
    if len(found.paths) <= MOST_COLUMNS:
        text += f"\nHow often first / second, in per cent:\n\n{markdown_table(share_rows(found))}"
    write_text(directory / "filters.md", text)


def draw_leading(found: FilterContributions, network: PathNetwork, split: Split, title: str, path: Path) -> None:
    """In the layout of the paper's figure 4; the example is a class's first image that is named rightly."""
    places = torch.tensor([found.example(label) for label in range(len(found.classes))])
    pixels = split[places][0].to(network.linear.weight.device).float().div_(255)
    framed = "red: the path most often first; blue, dashed: of the others the one most often second"
    draw_leading_filters(
        filter_paths(network, pixels),
        found.classes,
        [found.shares(0), found.shares(1)],
        found.leading,
        f"{title}; {framed}",
        path,
    )


def draw_image(network: PathNetwork, split: Split, index: int, name: str, path: Path) -> None:
    """One image's way through the network, in the layout of the paper's figures 2 and 3."""
    images, labels = split[torch.tensor([index])]
    pixels = images.to(network.linear.weight.device).float().div_(255)
    with torch.inference_mode():
        account = network.contributions(pixels)
    draw_paths_of_image(
        filter_paths(network, pixels),
        account.rest[0].cpu(),
        account.logits[0].cpu(),
        int(labels[0]),
        network.spec.classes,
        f"{name}, test image {index}: what each filter path brings to each class; "
        "red: most; blue, dashed: second; bold: the true class; ◀: the predicted one",
        path,
    )
