"""`task=regions`: the regions that a class is recognised by."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from gcm.build import check_settings, plain
from gcm.console import say, show_table
from gcm.data import Split, class_index
from gcm.draw import draw_important_regions
from gcm.error import InputError, listed
from gcm.file import write_csv, write_text, write_whole
from gcm.model import Classifier
from gcm.setting import PositiveCount
from gcm.study.region_deletion import Deletion, Fill, RegionTrial, check_grid
from gcm.study.selection import first_of_each_class
from gcm.task.filters import SplitName, split_of
from gcm.task.run_directory import run_directory
from gcm.task.settings import overridden_keys, settings_of
from gcm.task.weights import device_of, named_data, named_network

CHANGEABLE_ON_RESUME = ("trainer.", "data.root")
SAVED_EVERY = 30.0
"""Seconds between two savings of a class under way."""


@dataclass(frozen=True)
class RegionStudy:
    """What is deleted of which images."""

    grid: int
    fill: Fill
    split: SplitName
    images_per_class: int

    def __str__(self) -> str:
        return (
            f"{self.images_per_class:,} {self.split} images of each class, {self.grid}x{self.grid} regions, "
            f"deleted: {self.fill}"
        )


def regions(
    config: DictConfig,
    grid: PositiveCount = 14,
    fill: Fill = "black",
    split: SplitName = "train",
    images_per_class: PositiveCount = 1000,
) -> None:
    """Delete, class by class (or for `label=` alone), the region without which most images are named wrongly, until no
    image or no region is left.

    With `resume=` an interrupted run goes on, by its own settings.
    """
    if config.resume is None:
        asked = asked_of(config, RegionStudy(grid, fill, split, images_per_class))
        with run_directory(config) as directory:
            write_text(directory / "config.yaml", OmegaConf.to_yaml(config))
            measure_regions(asked, directory)
    else:
        directory = Path(config.resume).expanduser()
        stored = interrupted(config, directory)
        study = RegionStudy(**check_settings(regions, plain(stored.task), 1, "task"))
        measure_regions(asked_of(stored, study), directory)


def interrupted(config: DictConfig, directory: Path) -> DictConfig:
    """The config of the run that `resume=` names, with what may change on the way."""
    changes = [key for key in overridden_keys() if key not in ("task", "resume")]
    for key in changes:
        if not key.startswith(CHANGEABLE_ON_RESUME):
            raise InputError(f"{key} cannot change on resume; allowed: {listed(CHANGEABLE_ON_RESUME)}")
    path = directory / "config.yaml"
    if not path.is_file():
        raise InputError(f"resume={directory} is no run directory of task=regions: it has no config.yaml")
    stored = OmegaConf.load(path)
    if not isinstance(stored, DictConfig) or stored.get("names", {}).get("task") != "regions":
        raise InputError(f"resume={directory} is no run directory of task=regions")
    for key in changes:
        OmegaConf.update(stored, key, OmegaConf.select(config, key), force_add=True)
    return stored


@dataclass(frozen=True)
class Asked:
    """Everything that the deletion needs, checked. `places`: `(K,n)`, of the images in their split."""

    study: RegionStudy
    name: str
    network: Classifier
    split: Split
    places: Tensor
    labels: Sequence[int]


def asked_of(config: DictConfig, study: RegionStudy) -> Asked:
    saved = named_network(config)
    network = saved.network().to(device_of(config))
    classes = network.spec.classes
    check_grid(study.grid, network.spec)
    split = split_of(named_data(config, [saved]), study.split)
    places = first_of_each_class(split.labels, classes, study.images_per_class)
    wanted = settings_of(config).label
    labels = range(len(classes)) if wanted is None else [class_index(classes, wanted)]
    return Asked(study, saved.card.name, network, split, places, labels)


def measure_regions(asked: Asked, directory: Path) -> None:
    study, classes = asked.study, asked.network.spec.classes
    device = next(asked.network.parameters()).device
    deletions, means, rows = [], [], []
    for label in asked.labels:
        images, _ = asked.split[asked.places[label]]
        begin = perf_counter()
        trial = RegionTrial(asked.network, images.to(device), label, study.grid, study.fill)
        deletion = finished_deletion(trial, directory / f"deletion_{label}.npz")
        row = summary_row(deletion, classes, perf_counter() - begin)
        say(", ".join(f"{name}: {value}" for name, value in row.items()))
        deletions.append(deletion)
        rows.append(row)
        means.append(images.float().mean(0) / 255)
    title = f"{asked.name}: regions that matter; {study}"
    write_deletions(deletions, classes, study.grid, directory)
    path = directory / "important_regions.png"
    draw_important_regions(deletions, torch.stack(means), classes, study.grid, title, path)
    show_table(title, rows)
    say(f"figure: {path}; files: {directory}")


def finished_deletion(trial: RegionTrial, path: Path) -> Deletion:
    """The deletion of a class to its end; goes on from the file `path` where that is there, and keeps it up to date."""
    deletion = read_deletion(path, trial.label) if path.is_file() else trial.start()
    last_saved = perf_counter()

    def save_now_and_then(deletion: Deletion) -> None:
        nonlocal last_saved
        if perf_counter() - last_saved > SAVED_EVERY:
            write_deletion(deletion, path)
            last_saved = perf_counter()

    deletion = trial.run(deletion, save_now_and_then)
    write_deletion(deletion, path)
    return deletion


def write_deletion(deletion: Deletion, path: Path) -> None:
    values = {name: np.asarray(value) for name, value in asdict(deletion).items() if name != "label"}
    write_whole(path, lambda partial: np.savez(partial, allow_pickle=False, **values))


def read_deletion(path: Path, label: int) -> Deletion:
    try:
        with np.load(path, allow_pickle=False) as values:
            return Deletion(
                label,
                torch.from_numpy(values["alive"]),
                int(values["wrong_before"]),
                values["order"].astype(int).tolist(),
                list(torch.from_numpy(values["counts"])),
            )
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(f"{path} cannot be read ({error}); delete it, and this class starts anew") from None


def summary_row(deletion: Deletion, classes: Sequence[str], seconds: float) -> dict[str, Any]:
    return {
        "class": classes[deletion.label],
        "images": len(deletion.alive),
        "wrong before": deletion.wrong_before,
        "rounds": len(deletion.order),
        "end": deletion.end,
        "time": f"{seconds:.1f} s",
    }


def write_deletions(deletions: Sequence[Deletion], classes: Sequence[str], grid: int, directory: Path) -> None:
    """`importance_LABEL.npy` `(grid,grid)` and `importance.csv`; `deletion.csv`, a line for each round."""
    importances: list[dict[str, Any]] = []
    for deletion in deletions:
        importance = deletion.importance(grid)
        write_whole(directory / f"importance_{deletion.label}.npy", saver(importance))
        importances += [
            {
                "class": classes[deletion.label],
                "row": row,
                "column": column,
                "importance": float(importance[row, column]),
            }
            for row in range(grid)
            for column in range(grid)
        ]
    write_csv(directory / "importance.csv", importances)
    rounds = [row for deletion in deletions for row in round_rows(deletion, classes, grid)]
    write_csv(directory / "deletion.csv", rounds)


def round_rows(deletion: Deletion, classes: Sequence[str], grid: int) -> Iterator[dict[str, Any]]:
    for number, (region, left) in enumerate(zip(deletion.order, deletion.survivors[1:], strict=True), start=1):
        row, column = divmod(region, grid)
        yield {
            "class": classes[deletion.label],
            "round": number,
            "row": row,
            "column": column,
            "named_wrongly": deletion.survivors[number - 1] - left,
            "images_left": left,
        }


def saver(values: Tensor) -> Any:
    return lambda partial: np.save(partial, values.numpy(), allow_pickle=False)
