"""`task=why`: filters, regions and pixels behind single decisions, in one picture each."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import Tensor

from gcm.cli.chosen import chosen_images
from gcm.cli.console import say, say_next
from gcm.cli.declaration import CHOSEN_IMAGES, task
from gcm.cli.device import device_of
from gcm.cli.named_networks import named_data, named_network
from gcm.cli.resume.region_study import read_importances
from gcm.cli.run_directory import run_directory
from gcm.cli.settings import overridden_keys, settings_of
from gcm.data import Split, as_pixels
from gcm.error import InputError
from gcm.model import PathNetwork
from gcm.study.filter_contribution.numbers import FilterPath, check_paths, path_pixel_maps
from gcm.study.filter_image.activation_maximization import ActivationMaximization
from gcm.study.filter_image.unit import path_signs, paths_of
from gcm.study.region_deletion.numbers import RegionTrial, usual_grid
from gcm.study.selection import first_of_each_class
from gcm.study.why.figure import Decision, PathEvidence, draw_why
from gcm.types import PositiveCount

IMPORTANT = 0.1
"""The share of a class's regions that are called the important ones."""
NAMED_AMOUNTS = 5
"""The number of paths that have a bar of their own."""


@task(
    help="filters, pixels and regions behind one decision: weights=tiny_lenet_digits indices=[0]",
    reads=("weights", *CHOSEN_IMAGES),
)
def why(
    config: DictConfig,
    paths: PositiveCount = 3,
    regions: str | None = None,
    grid: PositiveCount | None = None,
    images_per_class: PositiveCount | None = None,
) -> None:
    """Draw a figure for each chosen test image.

    The important regions are read from `regions`, the directory of a finished task=regions, or else measured now, on
    the first training images of the predicted class.
    """
    saved = named_network(config)
    data = named_data(config, [saved])
    network = check_paths(saved.network().to(device_of(config)), saved.card.name)
    indices = chosen_images(settings_of(config), data.test.labels, data.class_names())
    images, labels = data.test[indices]
    pixels = as_pixels(images, device_of(config))
    with torch.inference_mode():
        predicted = sorted(set(network(pixels).argmax(1).tolist()))
    with run_directory(config, saved) as directory:
        if regions is None:
            importances = measured_importances(network, data.train, predicted, grid, images_per_class)
        else:
            check_not_both()
            importances = read_importances(Path(regions).expanduser(), saved, predicted)
        favourites = ActivationMaximization(seed=config.seed)(network, paths_of(network)).cpu()  # (F1*F2,C,H,W)
        for index, image, label in zip(indices.tolist(), pixels, labels.tolist(), strict=True):
            decision = decision_of(network, image.unsqueeze(0), label, paths, favourites, importances)
            path = directory / f"why_{index}.png"
            title = f"{saved.card.name}, test image {index}: why {decision.predicted}?"
            draw_why(decision, title, path)
            say(f"figure: {path}")
    say_next("task=filters", f"weights={saved.path}")


def measured_importances(
    network: PathNetwork, split: Split, classes: Sequence[int], grid: int | None, images_per_class: int | None
) -> dict[int, Tensor]:
    """Return the importances of the regions of each of some classes, `(G,G)`."""
    grid = usual_grid(network.spec) if grid is None else grid
    places = first_of_each_class(split.labels, network.spec.classes, images_per_class, classes)
    trials = [
        RegionTrial.of_class(network, split, of_class, label, grid, "black")
        for label, of_class in zip(classes, places, strict=True)
    ]
    return {trial.label: trial.run(trial.start()).importance(grid) for trial in trials}


def check_not_both() -> None:
    for key in ("task.grid", "task.images_per_class"):
        if key in overridden_keys():
            raise InputError(f"{key} is for measuring important regions now; leave it or task.regions= out")


def decision_of(
    network: PathNetwork,
    pixels: Tensor,
    label: int,
    count: int,
    favourites: Tensor,
    importances: Mapping[int, Tensor],
) -> Decision:
    """Return what to show of one image `(1,C,H,W)`, with the `count` strongest paths to its predicted class."""
    with torch.inference_mode():
        account = network.contributions(pixels)
    predicted = int(account.logits[0].argmax())
    parts, (_, second) = account.parts[0, predicted].cpu(), network.filters
    ranked = [
        FilterPath(*divmod(place, second)) for place in parts.flatten().argsort(descending=True, stable=True).tolist()
    ]
    shown, signs = ranked[:count], path_signs(network)
    maps = path_pixel_maps(network, pixels, predicted, shown).cpu()
    of_class = importances[predicted]
    return Decision(
        pixels[0].cpu(),
        network.spec.classes[label],
        network.spec.classes[predicted],
        float(account.logits[0].softmax(0)[predicted]),
        [
            PathEvidence(
                f"{path}" + (", inhibits" if signs[path] < 0 else ""),
                float(parts[path]),
                network.convolution1.weight[path.first].detach().mean(0).cpu(),
                network.convolution2.weight[path.second, path.first].detach().cpu(),
                favourites[path.first * second + path.second],
                pixel_map,
            )
            for path, pixel_map in zip(shown, maps, strict=True)
        ],
        amounts(parts, ranked, float(account.rest[0, predicted])),
        of_class,
        most_important(of_class),
    )


def amounts(parts: Tensor, ranked: Sequence[FilterPath], rest: float) -> list[tuple[str, float]]:
    """Return what adds up to the score: the strongest paths, all others together, the biases.

    The first layer's biases are part of its paths.
    """
    named = [(f"path {path}", float(parts[path])) for path in ranked[:NAMED_AMOUNTS]]
    others = ranked[NAMED_AMOUNTS:]
    together = [(f"{len(others)} other paths", sum(float(parts[path]) for path in others))] if others else []
    return [*named, *together, ("biases", rest)]


def most_important(importance: Tensor) -> Tensor:
    """Return the tenth of the regions with the largest importance, at least one, but none whose importance is 0:
    `(G,G)`.
    """
    count = max(1, round(IMPORTANT * importance.numel()))
    chosen = torch.zeros(importance.numel(), dtype=torch.bool)
    chosen[importance.flatten().argsort(descending=True, stable=True)[:count]] = True
    return chosen.view_as(importance) & (importance > 0)
