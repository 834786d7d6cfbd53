"""`task=regions`: the regions that a class is recognised by."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor

from gcm.atomic_write import write_bytes, write_csv
from gcm.cli.chosen import SplitName, split_of
from gcm.cli.console import say, say_next, show_table
from gcm.cli.declaration import task
from gcm.cli.device import device_of
from gcm.cli.named_networks import named_data, named_network
from gcm.cli.resume.region_study import RegionStudy
from gcm.cli.resume.study import now_and_then, read_arrays, resumed, write_arrays
from gcm.cli.run_directory import resumed_directory, run_directory
from gcm.cli.settings import settings_of
from gcm.data import ImageData, class_index
from gcm.error import InputError
from gcm.study.region_deletion.figure import draw_important_regions
from gcm.study.region_deletion.numbers import Fill, RegionDeletion, RegionTrial, check_grid, usual_grid
from gcm.study.selection import first_of_each_class
from gcm.types import PositiveCount
from gcm.zoo import SavedNetwork


@task(
    help="the regions that each class is recognised by: weights=RUN task.grid=4",
    reads=("weights", "label"),
    resumable=True,
)
def regions(
    config: DictConfig,
    grid: PositiveCount | None = None,
    fill: Fill = "black",
    split: SplitName = "train",
    images_per_class: PositiveCount | None = None,
) -> None:
    """Delete, class by class, the region without which most images are misclassified, until no image or no region is
    left.

    With `label=` that is done for one class alone, with `resume=` an interrupted run goes on, by its own settings.
    """
    if config.resume is not None:
        with resumed_directory(config) as directory:
            study, (saved,), data = resumed(RegionStudy, config, directory)
            measure_regions(study, saved, trials_of(study, saved, data, device_of(config)), directory)
        return
    saved = named_network(config)
    spec, wanted = saved.card.spec, settings_of(config).label
    label = None if wanted is None else class_index(spec.classes, wanted)
    grid = usual_grid(spec) if grid is None else grid
    check_grid(grid, spec)
    data = named_data(config, [saved])
    labels = None if label is None else [label]
    places = first_of_each_class(split_of(data, split).labels, spec.classes, images_per_class, labels)
    study = RegionStudy.of(
        config, saved, label=label, grid=grid, fill=fill, split=split, images_per_class=places.shape[1]
    )
    trials = trials_of(study, saved, data, device_of(config))
    with run_directory(config, saved) as directory:
        study.write(directory)
        measure_regions(study, saved, trials, directory)


def trials_of(study: RegionStudy, saved: SavedNetwork, data: ImageData, device: torch.device) -> list[RegionTrial]:
    """Return a trial for each class that is studied; all wrong input shows here, before anything is written."""
    network, split = saved.network().to(device), split_of(data, study.split)
    check_grid(study.grid, network.spec)
    labels = list(range(len(network.spec.classes))) if study.label is None else [study.label]
    places = first_of_each_class(split.labels, network.spec.classes, study.images_per_class, labels)
    return [
        RegionTrial.of_class(network, split, of_class, label, study.grid, study.fill)
        for label, of_class in zip(labels, places, strict=True)
    ]


def measure_regions(study: RegionStudy, saved: SavedNetwork, trials: Sequence[RegionTrial], directory: Path) -> None:
    classes = saved.card.spec.classes
    deletions, rows = [], []
    for trial in trials:
        begin = perf_counter()
        deletion = finished_deletion(trial, directory / f"deletion_{trial.label}.npz")
        row = summary_row(deletion, classes, perf_counter() - begin)
        say(", ".join(f"{name}: {value}" for name, value in row.items()))
        deletions.append(deletion)
        rows.append(row)
    title = f"{saved.card.name}: regions that matter; {study}"
    write_deletions(deletions, classes, study.grid, directory)
    path = directory / "important_regions.png"
    means = torch.stack([trial.mean_image for trial in trials])
    draw_important_regions(deletions, means, classes, study.grid, title, path)
    show_table(title, rows)
    say(f"figure: {path}; files: {directory}")
    say_next("task=regions", f"weights={saved.path}", "task.fill=mean")


def finished_deletion(trial: RegionTrial, path: Path) -> RegionDeletion:
    """Carry the deletion of a class to its end, from the file `path` where that is there, and keep it up to date."""
    deletion = read_deletion(path, trial) if path.is_file() else trial.start()
    deletion = trial.run(deletion, now_and_then(lambda deletion: write_deletion(deletion, trial, path)))
    write_deletion(deletion, trial, path)
    return deletion


def write_deletion(deletion: RegionDeletion, trial: RegionTrial, path: Path) -> None:
    write_arrays(path, {name: value for name, value in asdict(deletion).items() if name != "label"}, trial.images)


def read_deletion(path: Path, trial: RegionTrial) -> RegionDeletion:
    arrays = read_arrays(path, trial.images, "this class starts")
    try:
        deletion = RegionDeletion(
            trial.label,
            torch.from_numpy(arrays["alive"]),
            int(arrays["wrong_before"]),
            arrays["order"].astype(int).tolist(),
            list(torch.from_numpy(arrays["counts"])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); delete it, and this class starts anew") from None
    if {len(count) for count in deletion.counts} - {len(trial.regions)}:
        raise InputError(f"{path} is of other regions; delete it, and this class starts anew")
    return deletion


def summary_row(deletion: RegionDeletion, classes: Sequence[str], seconds: float) -> dict[str, Any]:
    return {
        "class": classes[deletion.label],
        "images": len(deletion.alive),
        "wrong before": deletion.wrong_before,
        "rounds": len(deletion.order),
        "end": deletion.end,
        "time": f"{seconds:.1f} s",
    }


def write_deletions(deletions: Sequence[RegionDeletion], classes: Sequence[str], grid: int, directory: Path) -> None:
    """Write `importance_LABEL.npy` `(grid,grid)` and `importance.csv`; `deletion.csv`, a line for each round."""
    importances: list[dict[str, Any]] = []
    for deletion in deletions:
        importance = deletion.importance(grid)
        write_bytes(directory / f"importance_{deletion.label}.npy", npy(importance))
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


def round_rows(deletion: RegionDeletion, classes: Sequence[str], grid: int) -> Iterator[dict[str, Any]]:
    for number, (region, left) in enumerate(zip(deletion.order, deletion.survivors[1:], strict=True), start=1):
        row, column = divmod(region, grid)
        yield {
            "class": classes[deletion.label],
            "round": number,
            "row": row,
            "column": column,
            "misclassified": deletion.survivors[number - 1] - left,
            "images_left": left,
        }


def npy(values: Tensor) -> bytes:
    """Return an npy file; NumPy itself may write half of one on a full disk, and say nothing."""
    content = BytesIO()
    np.save(content, values.numpy(), allow_pickle=False)
    return content.getvalue()
