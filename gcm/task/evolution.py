"""`task=evolution`: watch networks learn, from the checkpoints that their trainings kept."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from annotated_types import MinLen
from omegaconf import DictConfig
from torch import Tensor

from gcm.cli.chosen import the_visualizer
from gcm.cli.compose import composed
from gcm.cli.console import BARS, say, say_next, show_table
from gcm.cli.declaration import TRAINING_SETTINGS, task
from gcm.cli.device import device_of
from gcm.cli.distributed import goes_on_alone
from gcm.cli.fitted import fitted
from gcm.cli.image_data import image_data
from gcm.cli.named_networks import named_data
from gcm.cli.run_directory import run_directory
from gcm.cli.settings import refuse_of_trainings, task_overrides
from gcm.cli.train_network import train_network
from gcm.data import ImageData, as_pixels
from gcm.error import InputError, listed
from gcm.instantiate import instantiate
from gcm.study.attention.figure import AttendedImages, draw_attention_rows, write_animation
from gcm.study.attention.numbers import Explained, attention, explained_class
from gcm.study.evolution.numbers import Moment, moments
from gcm.study.evolution.table import EVOLUTION_MEANING, narrow_tables, write_evolution
from gcm.study.layer_convergence.figure import draw_layer_convergence
from gcm.study.layer_convergence.numbers import LayerConvergence, LayerState, layer_convergence, layer_states
from gcm.study.selection import first_of_each_class
from gcm.types import Count, PositiveCount
from gcm.visualizer import Visualizer
from gcm.zoo import SavedNetwork, read_saved

OURS = ("task", "experiment", "output", "iterations", "explained", "visualizer", "hydra")
"""Settings of this task that the trainings that it begins do not have."""
CONVERGENCE_IMAGES = 200
"""Test images on which layers' outputs are compared, the first ones."""
FRAMES = 100
"""The most pictures of an animation."""


@task(
    help="watch a network learn: weights=RUN iterations=[0,1,10,50]",
    reads=("weights", *TRAINING_SETTINGS, "visualizer"),
    parallel=True,
)
def evolution(
    config: DictConfig,
    iterations: Annotated[list[Count], MinLen(1)],
    explained: Explained = "predicted",
    experiments: list[str] | None = None,
    images: PositiveCount = 1000,
    images_per_class: PositiveCount = 10,
    animation: bool = True,
) -> None:
    """Draw figures, tables and an animation of the runs in `weights=`, or of `experiments` that are trained first."""
    if bool(experiments) == bool(config.weights):
        raise InputError("task=evolution needs weights=RUN, or task.experiments=[NAME,NAME] to train first")
    name, visualizer = the_visualizer(config)
    shown = Shown(name, visualizer, explained, sorted(set(iterations)), images, images_per_class, animation)
    if experiments:
        trainings = {experiment: training(experiment) for experiment in experiments}
        for experiment, (part, _) in trainings.items():
            check_will_be_seen(experiment, part, shown)
        with run_directory(config, *experiments) as directory:
            for experiment, (part, words) in trainings.items():
                say(f"training {experiment}")
                train_network(part, directory / experiment, overrides=words)
            if not goes_on_alone():
                return
            runs = [opened(directory / experiment, config, shown) for experiment in experiments]
            watch(runs, config, shown, directory)
        return
    refuse_of_trainings()
    named = [config.weights] if isinstance(config.weights, str) else list(config.weights)
    runs = [opened(Path(where), config, shown) for where in named]
    if len({run.name for run in runs}) < len(runs):
        raise InputError(f"weights= must name runs of different names, got {listed(named)}")
    with run_directory(config, *(run.name for run in runs)) as directory:
        watch(runs, config, shown, directory)


@dataclass(frozen=True)
class Shown:
    """The choice of what is shown of a run: the arguments of the task."""

    name: str
    visualizer: Visualizer
    explained: Explained
    iterations: list[int]
    images: int
    images_per_class: int
    animation: bool


@dataclass(frozen=True)
class Run:
    """A run whose evolution is watched.

    Attributes:
        name: name of its directory.
        saved: its checkpoints by step, in their order.
        data: its own data.
        places: places of the test images that are shown, class by class.
    """

    name: str
    saved: dict[int, Path]
    data: ImageData
    places: Tensor


def training(experiment: str) -> tuple[DictConfig, list[str]]:
    """Return the config of an experiment, with all that the command line says to trainings, and the words that
    give it.
    """
    said = [word for word in task_overrides() if word.lstrip("+~").split("=")[0].split(".")[0] not in OURS]
    words = [f"experiment={experiment}", *said]
    return composed(words), words


def check_will_be_seen(experiment: str, config: DictConfig, shown: Shown) -> None:
    """Raise `InputError` where a training would not keep the iterations, or its network could not be explained."""
    from gcm.training.trainer_setting import Length

    data = image_data(config.data)
    every, steps = config.checkpoint.every_n_steps, Length.of(fitted(config, data).trainer, data.batches_in_epoch).steps
    if every is None or any(number % every or number > steps for number in shown.iterations):
        kept = f"multiples of {every} up to {steps}" if every else "none, without checkpoint.every_n_steps=1"
        raise InputError(
            f"{experiment} will keep the iterations: {kept}; got iterations={shown.iterations}. Choose others, or "
            "train longer: trainer.max_epochs="
        )
    shown.visualizer.check_fits(instantiate(config.model, data.spec, key="model"))
    first_of_each_class(data.test.labels, data.class_names(), shown.images_per_class)


def opened(where: Path, config: DictConfig, shown: Shown) -> Run:
    """Open a run; raise `InputError` unless it kept the iterations, and its network can be explained."""
    try:
        directory = where.expanduser().resolve()
    except RuntimeError as error:  # an unknown user's home
        raise InputError(f"{where} cannot be read: {error}") from None
    saved = checkpoints(where, directory, shown.iterations)
    last = read_saved(saved[max(saved)])
    data = named_data(config, [last])
    shown.visualizer.check_fits(last.network())
    places = first_of_each_class(data.test.labels, data.class_names(), shown.images_per_class).flatten()
    return Run(directory.name, saved, data, places)


def checkpoints(where: Path, directory: Path, iterations: Sequence[int]) -> dict[int, Path]:
    """Return the run's checkpoints by step; raises `InputError` unless those of the `iterations` are there."""
    matches = ((re.fullmatch(r"step_(\d+)\.ckpt", path.name), path) for path in directory.glob("step_*.ckpt"))
    found = {int(match[1]): path for match, path in matches if match}
    if not found:
        raise InputError(
            f"{where} keeps no step_….ckpt; train it with checkpoint.every_n_steps=1, or name a run that was"
        )
    steps = sorted(found)
    missing = [number for number in iterations if number not in found]
    if missing:
        raise InputError(
            f"iterations {listed(missing)} were not saved in {where}; there are {listed(steps[:6])} … {steps[-1]}"
        )
    return {step: found[step] for step in steps}


def watch(runs: Sequence[Run], config: DictConfig, shown: Shown, directory: Path) -> None:
    device = device_of(config)
    seen: list[Moment] = []
    convergence: dict[str, list[LayerConvergence]] = {}
    for run in runs:
        seen += draw_run(run, shown, device, directory)
        convergence[run.name] = layers_of_run(run, device)
        title = f"{run.name}: which layers settle when"
        draw_layer_convergence(convergence[run.name], title, directory / f"{run.name}_layers.png")
    write_evolution(seen, convergence, directory)
    for run_name, rows in narrow_tables(seen).items():
        show_table(run_name, rows)
    say(f"{EVOLUTION_MEANING} Intervals: evolution.md")
    for run in runs:
        animated = f", {directory}/{run.name}_evolution.gif" if shown.animation else ""
        say(f"figures: {directory}/{run.name}_evolution.png{animated}, {directory}/{run.name}_layers.png")
    say(f"tables: {directory}/evolution.md, and evolution.csv, layers.csv, settled.csv beside it")
    last = runs[0].saved[shown.iterations[-1]]
    say_next("task=grad_cam", f"weights={last}", f"visualizer={shown.name}", "explained=label")


def draw_run(run: Run, shown: Shown, device: torch.device, directory: Path) -> list[Moment]:
    classes, test = run.data.class_names(), run.data.test
    images, labels = test[run.places]
    pixels = as_pixels(images, device)
    steps = [(step, read_saved(run.saved[step])) for step in shown.iterations]
    found = moments(run.name, steps, shown.visualizer, test, min(shown.images, len(test)), device, BARS)
    rows = [
        look(network, shown, pixels, labels, f"iteration {step}\n{moment.accuracy:.1%}")
        for (step, network), moment in zip(steps, found, strict=True)
    ]
    title = (
        f"{run.name}: {shown.name} of the {explained_class(shown.explained)} after some iterations; beside each row "
        f"the accuracy on {len(test):,} test images"
    )
    draw_attention_rows(rows, classes, title, directory / f"{run.name}_evolution.png")
    if shown.animation:
        chosen = list(run.saved)[:: -(-len(run.saved) // FRAMES)]
        frames = [
            look(read_saved(run.saved[step]), shown, pixels, labels, f"iteration {step}")
            for step in BARS.of(run.name).over(chosen, "animation", len(chosen))
        ]
        write_animation(frames, classes, directory / f"{run.name}_evolution.gif")
    return found


def look(saved: SavedNetwork, shown: Shown, pixels: Tensor, labels: Tensor, name: str) -> AttendedImages:
    network = saved.network().to(pixels.device)
    logits, evidence = attention(shown.visualizer, network, pixels, labels.to(pixels.device), shown.explained)
    return AttendedImages(pixels.cpu(), evidence.cpu(), logits.argmax(1).cpu() == labels, name)


def layers_of_run(run: Run, device: torch.device) -> list[LayerConvergence]:
    images, _ = run.data.test[torch.arange(min(CONVERGENCE_IMAGES, len(run.data.test)))]
    pixels = as_pixels(images, device)

    def states(step: int) -> dict[str, LayerState]:
        return layer_states(read_saved(run.saved[step]).network().to(device), pixels)

    every = BARS.of(run.name).over(run.saved, "layers", len(run.saved))
    return layer_convergence(((step, states(step)) for step in every), states(min(run.saved)), states(max(run.saved)))
