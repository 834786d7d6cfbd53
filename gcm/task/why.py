"""`task=why`: filters, regions and pixels behind single decisions, in one picture each."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor

from gcm.console import say
from gcm.draw import Decision, PathEvidence, draw_why
from gcm.error import InputError
from gcm.model import PathNetwork
from gcm.setting import PositiveCount
from gcm.study.filter_contribution import Path as FilterPath
from gcm.study.filter_contribution import check_paths, path_pixel_maps
from gcm.study.filter_image import Ascent
from gcm.study.region_deletion import RegionTrial, check_grid
from gcm.study.selection import first_of_each_class
from gcm.study.unit import path_signs, paths_of
from gcm.task.explain import chosen_images
from gcm.task.filters import split_of
from gcm.task.run_directory import run_directory
from gcm.task.settings import refuse, settings_of
from gcm.task.weights import device_of, named_data, named_network

IMPORTANT = 0.1
"""The share of a class's regions that are called the important ones."""
NAMED_AMOUNTS = 5
"""How many paths have a bar of their own."""


def why(
    config: DictConfig,
    paths: PositiveCount = 3,
    regions: str | None = None,
    grid: PositiveCount = 14,
    images_per_class: PositiveCount = 1000,
) -> None:
    """A figure for each chosen test image.

    The important regions are read from `regions`, the directory of a finished task=regions, or else measured now, on
    the first training images of the predicted class.
    """
    refuse(config, "resume")
    saved = named_network(config)
    data = named_data(config, [saved])
    network = check_paths(saved.network().to(device_of(config)), saved.card.name)
    if regions is None:
        check_grid(grid, network.spec)
    indices = chosen_images(settings_of(config), data.test.labels, data.class_names())
    favourites = Ascent(seed=config.seed)(network, paths_of(network)).cpu()  # (F1*F2,C,H,W)

    @cache
    def importance(label: int) -> Tensor:
        if regions is not None:
            return read_importance(Path(regions).expanduser(), label, network)
        images = split_of(data, "train")
        places = first_of_each_class(images.labels, network.spec.classes, images_per_class)[label]
        trial = RegionTrial(network, images[places][0].to(device_of(config)), label, grid, "black")
        return trial.run(trial.start()).importance(grid)

    with run_directory(config) as directory:
        for index in indices.tolist():
            images, labels = data.test[torch.tensor([index])]
            pixels = images.to(device_of(config)).float().div_(255)
            decision = decision_of(network, pixels, int(labels[0]), paths, favourites, importance)
            path = directory / f"why_{index}.png"
            title = f"{saved.card.name}, test image {index}: why {decision.predicted}?"
            draw_why(decision, title, path)
            say(f"figure: {path}")


def read_importance(directory: Path, label: int, network: PathNetwork) -> Tensor:
    path = directory / f"importance_{label}.npy"
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read ({error}); task.regions= names a finished run of task=regions"
        ) from None
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise InputError(f"{path} must hold an importance for each of a grid of regions, got {values.shape}")
    check_grid(len(values), network.spec)
    return torch.from_numpy(values)


def decision_of(
    network: PathNetwork,
    pixels: Tensor,
    label: int,
    count: int,
    favourites: Tensor,
    importance: Callable[[int], Tensor],
) -> Decision:
    """What there is to show of one image `(1,C,H,W)`, with the `count` strongest paths to its predicted class."""
    with torch.inference_mode():
        account = network.contributions(pixels)
    predicted = int(account.logits[0].argmax())
    parts, (_, second) = account.parts[0, predicted].cpu(), network.filters
    ranked = [FilterPath(*divmod(place, second)) for place in parts.flatten().argsort(descending=True).tolist()]
    shown, signs = ranked[:count], path_signs(network)
    maps = path_pixel_maps(network, pixels, predicted, shown).cpu()
    of_class = importance(predicted)
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
    """What adds up to the score: the strongest paths, all others together, the biases."""
    named = [(f"path {path}", float(parts[path])) for path in ranked[:NAMED_AMOUNTS]]
    others = ranked[NAMED_AMOUNTS:]
    together = [(f"{len(others)} other paths", sum(float(parts[path]) for path in others))] if others else []
    return [*named, *together, ("biases", rest)]


def most_important(importance: Tensor) -> Tensor:
    """The tenth of the regions with the largest importance, at least one: `(G,G)`."""
    count = max(1, round(IMPORTANT * importance.numel()))
    chosen = torch.zeros(importance.numel(), dtype=torch.bool)
    chosen[importance.flatten().argsort(descending=True, stable=True)[:count]] = True
    return chosen.view_as(importance)
