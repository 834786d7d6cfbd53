"""`task=filters`: which filter paths decide, over many images and for single ones."""

from pathlib import Path

from omegaconf import DictConfig

from gcm.atomic_write import markdown_table, write_csv, write_text
from gcm.cli.chosen import IMAGES_OF, SplitName, chosen_images, split_of
from gcm.cli.console import BARS, say, say_next, show_table
from gcm.cli.declaration import CHOSEN_IMAGES, task
from gcm.cli.device import device_of
from gcm.cli.named_networks import named_data, named_network
from gcm.cli.run_directory import run_directory
from gcm.cli.settings import overridden_keys, settings_of
from gcm.study.filter_contribution.numbers import FilterContributions, check_paths, filter_contributions
from gcm.study.filter_contribution.table import (
    CONTRIBUTION_MEANING,
    MOST_COLUMNS,
    combinations,
    draw_leading,
    draw_way,
    leading_rows,
    long_rows,
    share_rows,
)
from gcm.types import PositiveCount


@task(
    help="which filter paths decide, in a network of two convolutions: weights=tiny_lenet_digits indices=[0]",
    reads=("weights", *CHOSEN_IMAGES),
)
def filters(config: DictConfig, split: SplitName = "train", images_per_class: PositiveCount | None = None) -> None:
    """Rank the paths of a network for the first images of each class; with `indices=` show single test images too."""
    saved = named_network(config)
    data = named_data(config, [saved])
    network = check_paths(saved.network().to(device_of(config)), saved.card.name)
    settings = settings_of(config)
    chosen = {"indices", "label", "start", "count"} & set(overridden_keys())
    indices = chosen_images(settings, data.test.labels, data.class_names()).tolist() if chosen else []
    with run_directory(config, saved) as directory:
        found = filter_contributions(saved.card.name, network, split_of(data, split), images_per_class, progress=BARS)
        count = found.places.shape[1]
        title = f"{saved.card.name}: which filter paths decide, {count:,} {IMAGES_OF[split]} of each class"
        write_filter_contributions(found, title, directory)
        draw_leading(found, network, split_of(data, split), title, directory / "leading_filters.png")
        for index in indices:
            path = directory / f"image_{index}.png"
            draw_way(network, data.test, index, f"{saved.card.name}, test image {index}", path)
            say(f"figure: {path}")
    show_table(title, leading_rows(found))
    say(CONTRIBUTION_MEANING)
    say(combinations(found))
    say(f"files: {directory}")
    say_next("task=why", f"weights={saved.path}")


def write_filter_contributions(found: FilterContributions, title: str, directory: Path) -> None:
    """Write `filters.csv`, a line for each class and path, and `filters.md`."""
    write_csv(directory / "filters.csv", long_rows(found))
    text = f"# {title}\n\n{CONTRIBUTION_MEANING}\n\n{markdown_table(leading_rows(found))}\n{combinations(found)}.\n"
    if len(found.paths) <= MOST_COLUMNS:
        text += f"\nHow often first / second, in per cent:\n\n{markdown_table(share_rows(found))}"
    write_text(directory / "filters.md", text)
