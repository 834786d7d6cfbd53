"""`task=faithfulness`: every visualizer under every measure, in one table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from omegaconf import DictConfig
from torch import Tensor

from gcm.atomic_write import make_directory
from gcm.cli.console import say, say_next, show_table, step_progress
from gcm.cli.declaration import task
from gcm.cli.device import device_of, machine
from gcm.cli.named_networks import named_data, named_networks
from gcm.cli.resume.study import StoredStudy, read_arrays, resumed, write_arrays
from gcm.cli.run_directory import resumed_directory, run_directory
from gcm.data import ImageData
from gcm.error import InputError, listed
from gcm.instantiate import instantiate_all, plain, resolve
from gcm.metric import MapMetric
from gcm.model import Classifier
from gcm.study.faithfulness.cells import CellValues, Column, Kind, Row, cells_of
from gcm.study.faithfulness.figure import draw_faithfulness
from gcm.study.faithfulness.numbers import metrics_by_split, values_per_image, why_no_value
from gcm.study.faithfulness.table import MOTIVES, Origin, short, wide_rows, write_faithfulness
from gcm.types import PositiveCount
from gcm.visualizer import Visualizer
from gcm.visualizer.base import fitting, none_fits
from gcm.zoo import SavedNetwork

ALWAYS = {
    "uniform": {"_target_": "gcm.visualizer.Uniform"},
    "random": {"_target_": "gcm.visualizer.Random"},
    "gcm_contribution": {"_target_": "gcm.visualizer.ClassContributionMaps"},
}
"""The visualizers of every table, unless they are chosen with other settings: the controls, and GCM's own account."""


@dataclass(frozen=True, kw_only=True)
class FaithfulnessStudy(StoredStudy):
    """A study of faithfulness.

    Attributes:
        visualizers, metrics: their settings, by name.
        batch_size: images explained at once.
        noise_mask_images: images that noise masks are made of, at most.
        compared_with: visualizer whose maps, on the network that makes them by design, all others are compared with.
    """

    task = "faithfulness"
    visualizers: dict[str, dict[str, Any]]
    metrics: dict[str, dict[str, Any]]
    batch_size: PositiveCount
    noise_mask_images: PositiveCount
    compared_with: str


@task(
    help="every visualizer under every metric of maps, in one table: weights=[RUN,RUN] visualizer=all",
    reads=("weights", "visualizer", "metric"),
    resumable=True,
)
def faithfulness(
    config: DictConfig,
    batch_size: PositiveCount = 50,
    noise_mask_images: PositiveCount = 20,
    compared_with: str = "gcm_contribution",
    images: PositiveCount | None = None,
) -> None:
    """Measure the visualizers of `visualizer=`, the controls and GCM's own account on the networks of `weights=` by the
    measures of `metric=`.

    `images`: shown to each metric, if it would see more. Networks that differ in their seed alone are one row. With
    `resume=` an interrupted run goes on, by its own settings; what it has finished is not measured again.
    """
    if config.resume is not None:
        with resumed_directory(config) as directory:
            study, networks, data = resumed(FaithfulnessStudy, config, directory)
            measure_faithfulness(study, networks, data, device_of(config), directory)
        return
    networks = named_networks(config)
    data = named_data(config, networks, one_label=False)
    chosen = {name: plain(part) for name, part in config.visualizer.items()}
    study = FaithfulnessStudy.of(
        config,
        *networks,
        visualizers=chosen | {name: part for name, part in ALWAYS.items() if name not in chosen},
        metrics={name: at_most(images, part) for name, part in of_maps(config.metric).items()},
        batch_size=batch_size,
        noise_mask_images=noise_mask_images,
        compared_with=compared_with,
    )
    with run_directory(config, *networks) as directory:
        measure_faithfulness(study, networks, data, device_of(config), directory)


def of_maps(section: DictConfig) -> dict[str, dict[str, Any]]:
    """Return the settings of those metrics that judge single maps, by name; the decline ratio needs those of all
    classes.
    """
    found = {str(name): plain(part) for name, part in section.items() if issubclass(resolve(part, "metric"), MapMetric)}
    if not found:
        raise InputError(
            f"task=faithfulness has no use for {listed(section)}; choose others with metric=, or metric=all"
        )
    return found


def at_most(images: int | None, metric: Mapping[str, Any]) -> dict[str, Any]:
    """Return a metric's settings, with no more images than these."""
    return dict(metric) if images is None else {**metric, "images": min(images, metric.get("images", images))}


def measure_faithfulness(
    study: FaithfulnessStudy,
    networks: Sequence[SavedNetwork],
    data: ImageData,
    device: torch.device,
    directory: Path,
) -> None:
    models = by_model(networks)
    visualizers = instantiate_all(study.visualizers, "visualizer")
    metrics = instantiate_all(study.metrics, "metric")
    by_design = [name for name, visualizer in visualizers.items() if visualizer.by_design]
    if study.compared_with not in by_design:
        raise InputError(f"task.compared_with must be one of {listed(by_design)}; got {study.compared_with}")
    built = {model: [saved.network().to(device) for saved in seeds] for model, seeds in models.items()}
    check_something_fits(visualizers, metrics, [seeds[0] for seeds in built.values()], data)
    study.write(directory)
    found: list[CellValues] = []
    for model, seeds in models.items():
        for name, visualizer in visualizers.items():
            explained = [Explained(visualizer, network) for network in built[model]]
            values = [
                values_of(one, f"{name_of(saved)}_{name}", metrics, data, study, directory)
                for one, saved in zip(explained, seeds, strict=True)
            ]
            found += cell_values(metrics, Row(model, name, kind_of(visualizer)), explained[0], values, data)
    cells = cells_of(found, study.compared_with)
    title = f"Faithfulness, {data.name}"
    origin = Origin(data.name, ", ".join(map(name_of, networks)), study.compared_with, machine(device))
    write_faithfulness(cells, origin, title, directory)
    path = directory / "faithfulness.png"
    draw_faithfulness(cells, title, path)
    show_table(title, wide_rows(cells, short))
    say(MOTIVES)
    say(f"figure: {path}; files: {directory}")
    say_next("task=explain", f"weights={networks[0].path}", "visualizer=all")


def check_something_fits(
    visualizers: Mapping[str, Visualizer],
    metrics: Mapping[str, MapMetric],
    networks: Sequence[Classifier],
    data: ImageData,
) -> None:
    chosen = {name: visualizer for name, visualizer in visualizers.items() if name not in ALWAYS} or visualizers
    fit = [(one, network) for network in networks for one in fitting(chosen, network).values()]
    if not fit:
        raise none_fits(chosen)
    reasons = {name: {why_no_value(*pair, metric, data) for pair in fit} for name, metric in metrics.items()}
    if all("" not in of_metric for of_metric in reasons.values()):
        why = listed(dict.fromkeys(reason for of_metric in reasons.values() for reason in sorted(of_metric)))
        raise InputError(f"none of the metrics {listed(metrics)} fits: {why}; choose others with metric=")


class Explained(NamedTuple):
    """A visualizer on a network."""

    visualizer: Visualizer
    network: Classifier


def values_of(
    explained: Explained,
    name: str,
    metrics: Mapping[str, MapMetric],
    data: ImageData,
    study: FaithfulnessStudy,
    directory: Path,
) -> dict[str, Tensor]:
    """Return the values `(N,)` by metric, as stored, or now measured and stored; `name`: of network, seed and
    visualizer.
    """
    most = None if explained.visualizer.class_specific else study.noise_mask_images
    groups = metrics_by_split(*explained, metrics, data, most)
    if not groups:
        return {}
    first = [group.split[torch.arange(group.count)][0].flatten() for group in groups]
    file = ValuesFile(directory / "values" / f"{name}.npz", torch.cat(first))
    values = file.read()
    if values is None:
        with step_progress(sum(group.count for group in groups)) as show:
            values = values_per_image(*explained, groups, study.batch_size, lambda images: show(images, name))
        file.write(values)
    return values


def cell_values(
    metrics: Mapping[str, MapMetric],
    row: Row,
    explained: Explained,
    values: Sequence[Mapping[str, Tensor]],
    data: ImageData,
) -> list[CellValues]:
    """Return the values that a row's cells are made from, of each seed; `explained`: the network of one of the
    seeds.
    """
    return [
        CellValues(
            row,
            Column.of(name, metric),
            torch.stack([of_seed[name] for of_seed in values]) if name in values[0] else None,
            metric.by_construction(explained.visualizer)
            if name in values[0]
            else why_no_value(*explained, metric, data),
        )
        for name, metric in metrics.items()
    ]


def kind_of(visualizer: Visualizer) -> Kind:
    return "control" if visualizer.control else "by design" if visualizer.by_design else "post-hoc"


def by_model(networks: Sequence[SavedNetwork]) -> dict[str, list[SavedNetwork]]:
    """Group networks that differ in their seed alone, by the model's name, or the path where that is not enough."""
    groups: list[list[SavedNetwork]] = []
    for saved in networks:
        same = [group for group in groups if settings_but_seed(group[0]) == settings_but_seed(saved)]
        if same and saved.card.seed in {other.card.seed for other in same[0]}:
            raise InputError(f"{saved.path} is named twice, or a copy of it; weights= must differ in seed or settings")
        if same:
            same[0].append(saved)
        else:
            groups.append([saved])
    names = [group[0].card.architecture for group in groups]
    return {
        name if names.count(name) == 1 else str(group[0].path.parent): group
        for name, group in zip(names, groups, strict=True)
    }


def settings_but_seed(saved: SavedNetwork) -> dict[str, Any]:
    """Return all that a training's result depends on, but for the seed and the machine."""
    config = plain(saved.config)
    data = {name: value for name, value in config["data"].items() if name not in ("root", "workers", "download")}
    parts = {name: config.get(name) for name in ("model", "optimizer", "schedule", "label_smoothing")}
    return {**parts, "data": data, "steps": saved.card.steps}


def name_of(saved: SavedNetwork) -> str:
    """Return a name of these very weights."""
    return f"{saved.card.name}_seed{saved.card.seed}_{saved.card.weights_sha256[:12]}"


@dataclass(frozen=True)
class ValuesFile:
    """A values file keeps the values of one visualizer on one network, so that a resumed run finds them.

    Attributes:
        path: path of the file.
        images: images that it belongs to.
    """

    path: Path
    images: Tensor

    def read(self) -> dict[str, Tensor] | None:
        """Return the values `(N,)` by metric, or None if there is no file yet."""
        if not self.path.is_file():
            return None
        arrays = read_arrays(self.path, self.images, "its measures start")
        return {name: torch.from_numpy(values) for name, values in arrays.items()}

    def write(self, values: Mapping[str, Tensor]) -> None:
        make_directory(self.path.parent)
        write_arrays(self.path, {name: found.numpy() for name, found in values.items()}, self.images)
