"""`task=evolution`: watch networks learn, from the checkpoints that their trainings kept."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from annotated_types import MinLen
from hydra import compose
from omegaconf import DictConfig, open_dict

from gcm.console import say, with_progress
from gcm.data import ImageData, as_pixels
from gcm.draw.attention import Look, draw_looks, write_animation
from gcm.draw.settling import draw_settling
from gcm.error import InputError, listed
from gcm.report.evolution import MEANING, show_evolution, write_evolution
from gcm.setting import Count, PositiveCount
from gcm.study.attention import Explained, attention
from gcm.study.evolution import Moment, moments
from gcm.study.selection import first_of_each_class
from gcm.study.settling import LayerState, Settling, layer_states, settling
from gcm.task.grad_cam import explained_class, the_visualizer
from gcm.task.run_directory import run_directory
from gcm.task.settings import check_config, refuse, refuse_overridden, task_overrides
from gcm.task.train import train_network
from gcm.task.weights import device_of, named_data
from gcm.visualizer import Visualizer
from gcm.zoo import SavedNetwork, read_saved

OURS = ("task", "experiment", "output", "iterations", "explained", "visualizer", "hydra")
"""What the command line says to this task and not to the trainings that it begins."""
SETTLING_IMAGES = 200
"""Test images on which layers' outputs are compared, the first ones."""
FRAMES = 100
"""Most pictures of an animation."""


def evolution(
    config: DictConfig,
    iterations: Annotated[list[Count], MinLen(1)],
    explained: Explained = "predicted",
    experiments: list[str] | None = None,
    images: PositiveCount = 1000,
    images_of_class: PositiveCount = 10,
    animation: bool = True,
) -> None:
    """Figures, tables and an animation of the runs in `weights=`, or of `experiments` that are trained first."""
    refuse(config, "resume", "indices", "label")
    refuse_overridden("start", "count")
    if bool(experiments) == bool(config.weights):
        raise InputError("task=evolution needs weights=RUN, or task.experiments=[NAME,NAME] to train first")
    shown = Shown(*the_visualizer(config), explained, sorted(set(iterations)), images, images_of_class, animation)
    if experiments:
        trainings = {name: training(name) for name in experiments}
        with run_directory(config) as directory:
            for name, part in trainings.items():
                say(f"training {name}")
                train_network(part, directory / name)
            watch({name: directory / name for name in experiments}, config, shown, directory)
        return
    named = [config.weights] if isinstance(config.weights, str) else list(config.weights)
    runs = {Path(where).name: Path(where).expanduser() for where in named}
    if len(runs) < len(named):
        raise InputError(f"weights= must name runs of different names, got {listed(named)}")
    for run in runs.values():
        checkpoints(run, shown.iterations)
    with run_directory(config) as directory:
        watch(runs, config, shown, directory)


@dataclass(frozen=True)
class Shown:
    """What of a run is shown: the arguments of the task."""

    name: str
    visualizer: Visualizer
    explained: Explained
    iterations: list[int]
    images: int
    images_of_class: int
    animation: bool


def training(experiment: str) -> DictConfig:
    """The config of an experiment, with all that the command line says to trainings."""
    words = [word for word in task_overrides() if word.lstrip("+~").split("=")[0].split(".")[0] not in OURS]
    config = compose("train", [f"experiment={experiment}", *words], return_hydra_config=True)
    choices = config.hydra.runtime.choices
    with open_dict(config):
        config.names = {group: choices[group] for group in ("task", "data", "model")}
        config.pop("hydra")
    check_config(config)
    return config


def checkpoints(run: Path, iterations: Sequence[int]) -> dict[int, Path]:
    """The run's checkpoints by step; raises `InputError` unless those of the `iterations` are there."""
    found = {}
    for path in run.glob("step_*.ckpt"):
        if match := re.fullmatch(r"step_(\d+)\.ckpt", path.name):
            found[int(match[1])] = path
    if not found:
        raise InputError(
            f"{run} keeps no step_….ckpt; train it with checkpoint.every_n_steps=1, or name a run that was"
        )
    steps = sorted(found)
    missing = [number for number in iterations if number not in found]
    if missing:
        raise InputError(
            f"iterations {listed(missing)} were not saved in {run}; there are {listed(steps[:6])} … {steps[-1]}"
        )
    return {step: found[step] for step in steps}


def watch(runs: dict[str, Path], config: DictConfig, shown: Shown, directory: Path) -> None:
    seen: list[Moment] = []
    settled: dict[str, list[Settling]] = {}
    for name, run in runs.items():
        saved = checkpoints(run, shown.iterations)
        last = read_saved(saved[max(saved)])
        data = named_data(config, [last])
        shown.visualizer.check_fits(last.network())
        seen += draw_run(name, saved, data, config, shown, directory)
        settled[name] = layers_of_run(name, saved, data, device_of(config))
        draw_settling(settled[name], f"{name}: which layers settle when", directory / f"{name}_layers.png")
    write_evolution(seen, settled, directory)
    show_evolution(seen)
    say(MEANING)
    for name in runs:
        animated = f", {directory}/{name}_evolution.gif" if shown.animation else ""
        say(f"figures: {directory}/{name}_evolution.png{animated}, {directory}/{name}_layers.png")
    say(f"tables: {directory}/evolution.md, and evolution.csv, layers.csv, settled.csv beside it")
    first = next(iter(runs.values()))
    say(f"next: python train.py task=grad_cam weights={first}/step_{shown.iterations[-1]}.ckpt explained=label")


def draw_run(
    name: str, saved: dict[int, Path], data: ImageData, config: DictConfig, shown: Shown, directory: Path
) -> list[Moment]:
    device, classes = device_of(config), data.class_names()
    places = first_of_each_class(data.test.labels, classes, shown.images_of_class).flatten()
    images, labels = data.test[places]
    pixels = as_pixels(images, device)
    steps = [(step, read_saved(saved[step])) for step in shown.iterations]
    found = moments(name, steps, shown.visualizer, data.test, min(shown.images, len(data.test)), device)
    rows = [
        look(network, shown, pixels, labels, f"iteration {step}\n{moment.accuracy:.1%}")
        for (step, network), moment in zip(steps, found, strict=True)
    ]
    title = (
        f"{name}: {shown.name} of the {explained_class(shown.explained)} after some iterations; beside each row the "
        f"accuracy on {len(data.test):,} test images"
    )
    draw_looks(rows, classes, title, directory / f"{name}_evolution.png")
    if shown.animation:
        chosen = list(saved)[:: -(-len(saved) // FRAMES)]
        frames = [
            look(read_saved(saved[step]), shown, pixels, labels, f"iteration {step}")
            for step in with_progress(chosen, f"{name}: animation", len(chosen))
        ]
        write_animation(frames, len(classes), directory / f"{name}_evolution.gif")
    return found


def look(saved: SavedNetwork, shown: Shown, pixels: torch.Tensor, labels: torch.Tensor, name: str) -> Look:
    network = saved.network().to(pixels.device)
    logits, evidence = attention(shown.visualizer, network, pixels, labels.to(pixels.device), shown.explained)
    return Look(pixels.cpu(), evidence.cpu(), logits.argmax(1).cpu() == labels, name)


def layers_of_run(name: str, saved: dict[int, Path], data: ImageData, device: torch.device) -> list[Settling]:
    images, _ = data.test[torch.arange(min(SETTLING_IMAGES, len(data.test)))]
    pixels = as_pixels(images, device)

    def states(step: int) -> dict[str, LayerState]:
        return layer_states(read_saved(saved[step]).network().to(device), pixels)

    every = with_progress(saved, f"{name}: layers", len(saved))
    return settling(((step, states(step)) for step in every), states(min(saved)), states(max(saved)))
