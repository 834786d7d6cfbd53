"""`task=faithfulness`: every visualizer under every measure, in one table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from gcm.instantiate import instantiate_all, plain
from gcm.measure import ClassMaps, Measure, NoiseMaskMap, Subject
from gcm.model import Classifier
from gcm.study.faithfulness.cells import Column, Found, Kind, Row, cells_of
from gcm.study.faithfulness.figure import draw_faithfulness
from gcm.study.faithfulness.numbers import measured, misfit, showings
from gcm.study.faithfulness.table import MOTIVES, Origin, short, wide_rows, write_faithfulness
from gcm.types import PositiveCount
from gcm.visualizer import NoiseMask, Visualizer
from gcm.visualizer.base import none_fits
from gcm.visualizer.noise_mask_search import NoiseMaskSettings
from gcm.zoo import SavedNetwork

ALWAYS = {
    "uniform": {"_target_": "gcm.visualizer.Uniform"},
    "random": {"_target_": "gcm.visualizer.Random"},
    "gcm_contribution": {"_target_": "gcm.visualizer.ClassContributionMaps"},
}
"""Stand in every table, unless they are chosen with other settings: the controls, and GCM's own account."""


@dataclass(frozen=True, kw_only=True)
class FaithfulnessStudy(StoredStudy):
    """Attributes:
    visualizers, measures: their settings, by name.
    batch_size: images explained at once.
    noise_mask_images: images that noise masks are made of, at most.
    compared_with: visualizer whose maps, on the network that makes them by design, all others are compared with.
    """

    task = "faithfulness"
    visualizers: dict[str, dict[str, Any]]
    measures: dict[str, dict[str, Any]]
    batch_size: PositiveCount
    noise_mask_images: PositiveCount
    compared_with: str


@task(
    help="every visualizer under every measure, in one table: weights=[RUN,RUN] visualizer=all",
    reads=("weights", "visualizer", "measure"),
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
    measures of `measure=`.

    `images`: shown to each measure, if it would see more. Networks that differ in their seed alone are one row. With
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
        measures={name: at_most(images, plain(part)) for name, part in config.measure.items()},
        batch_size=batch_size,
        noise_mask_images=noise_mask_images,
        compared_with=compared_with,
    )
    with run_directory(config, *networks) as directory:
        measure_faithfulness(study, networks, data, device_of(config), directory)


def at_most(images: int | None, measure: Mapping[str, Any]) -> dict[str, Any]:
    """A measure's settings, with no more images than these."""
    return dict(measure) if images is None else {**measure, "images": min(images, measure.get("images", images))}


def measure_faithfulness(
    study: FaithfulnessStudy,
    networks: Sequence[SavedNetwork],
    data: ImageData,
    device: torch.device,
    directory: Path,
) -> None:
    models = by_model(networks)
    visualizers = instantiate_all(study.visualizers, "visualizer")
    measures = instantiate_all(study.measures, "measure")
    by_design = [name for name, visualizer in visualizers.items() if visualizer.by_design]
    if study.compared_with not in by_design:
        raise InputError(f"task.compared_with must be one of {listed(by_design)}; got {study.compared_with}")
    built = {model: [saved.network().to(device) for saved in seeds] for model, seeds in models.items()}
    check_something_fits(visualizers, measures, [seeds[0] for seeds in built.values()], data)
    study.write(directory)
    found: list[Found] = []
    for model, seeds in models.items():
        for name, visualizer in visualizers.items():
            subjects = [subject_of(visualizer, network) for network in built[model]]
            values = [
                values_of(subject, f"{name_of(saved)}_{name}", measures, data, study, directory)
                for subject, saved in zip(subjects, seeds, strict=True)
            ]
            found += found_by(measures, Row(model, name, kind_of(visualizer)), subjects[0], values, data)
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
    measures: Mapping[str, Measure],
    networks: Sequence[Classifier],
    data: ImageData,
) -> None:
    chosen = {name: visualizer for name, visualizer in visualizers.items() if name not in ALWAYS} or visualizers
    subjects = [subject_of(visualizer, network) for visualizer in chosen.values() for network in networks]
    fitting = [subject for subject in subjects if not subject.misfit()]
    if not fitting:
        raise none_fits(chosen)
    reasons = {name: {misfit(subject, measure, data) for subject in fitting} for name, measure in measures.items()}
    if all("" not in of_measure for of_measure in reasons.values()):
        why = listed(dict.fromkeys(reason for of_measure in reasons.values() for reason in sorted(of_measure)))
        raise InputError(f"none of the measures {listed(measures)} fits: {why}; choose others with measure=")


def values_of(
    subject: Subject,
    name: str,
    measures: Mapping[str, Measure],
    data: ImageData,
    study: FaithfulnessStudy,
    directory: Path,
) -> dict[str, Tensor]:
    """By measure the values `(N,)`, as stored, or now measured and stored; `name`: of network, seed and visualizer."""
    shown = showings(subject, measures, data, study.noise_mask_images if subject.one_map else None)
    if not shown:
        return {}
    first = [showing.split[torch.arange(showing.count)][0].flatten() for showing in shown]
    file = ValuesFile(directory / "values" / f"{name}.npz", torch.cat(first))
    values = file.read()
    if values is None:
        with step_progress(sum(showing.count for showing in shown)) as show:
            values = measured(subject, shown, study.batch_size, lambda images: show(images, name))
        file.write(values)
    return values


def found_by(
    measures: Mapping[str, Measure], row: Row, subject: Subject, values: Sequence[Mapping[str, Tensor]], data: ImageData
) -> list[Found]:
    """By each measure, from the values of each seed; `subject`: on the network of one of them."""
    return [
        Found(
            row,
            Column.of(name, measure),
            torch.stack([of_seed[name] for of_seed in values]) if name in values[0] else None,
            measure.by_construction(subject) if name in values[0] else misfit(subject, measure, data),
        )
        for name, measure in measures.items()
    ]


def kind_of(visualizer: Visualizer) -> Kind:
    return "control" if visualizer.control else "by design" if visualizer.by_design else "post-hoc"


def by_model(networks: Sequence[SavedNetwork]) -> dict[str, list[SavedNetwork]]:
    """Networks that differ in their seed alone, together; by the model's name, or the path where that is not enough."""
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
    """All that a training's result depends on, but for the seed and the machine."""
    config = plain(saved.config)
    data = {name: value for name, value in config["data"].items() if name not in ("root", "workers", "download")}
    parts = {name: config.get(name) for name in ("model", "optimizer", "schedule", "label_smoothing")}
    return {**parts, "data": data, "steps": saved.card.steps}


def name_of(saved: SavedNetwork) -> str:
    """Of these very weights."""
    return f"{saved.card.name}_seed{saved.card.seed}_{saved.card.weights_sha256[:12]}"


def subject_of(visualizer: Visualizer, network: Classifier) -> Subject:
    if isinstance(visualizer, NoiseMask):
        return NoiseMaskMap(NoiseMaskSettings(), network)
    return ClassMaps(visualizer, network)


@dataclass(frozen=True)
class ValuesFile:
    """Where the values of one subject are kept, so that a resumed run finds them.

    Attributes:
        path: of the file.
        images: that it belongs to.
    """

    path: Path
    images: Tensor

    def read(self) -> dict[str, Tensor] | None:
        """By measure the values `(N,)`, or None if there is no file yet."""
        if not self.path.is_file():
            return None
        arrays = read_arrays(self.path, self.images, "its measures start")
        return {name: torch.from_numpy(values) for name, values in arrays.items()}

    def write(self, values: Mapping[str, Tensor]) -> None:
        make_directory(self.path.parent)
        write_arrays(self.path, {name: found.numpy() for name, found in values.items()}, self.images)
