"""`task=train`: fit a network, then test it."""

import json
import platform
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from omegaconf import DictConfig, OmegaConf

from gcm.build import build, plain, resolve
from gcm.console import say, say_next, show_results
from gcm.data import ImageData
from gcm.error import InputError, listed
from gcm.file import remove_partial_files, write_json
from gcm.model import Classifier
from gcm.stopping import StopRequest
from gcm.task.begun import BegunTraining, begun_training, write_config
from gcm.task.run_directory import in_sweep, resumed_directory, run_directory
from gcm.task.settings import overridden_keys, refuse, task_overrides
from gcm.zoo import Card, read_saved

if TYPE_CHECKING:
    from gcm.training.module import ClassifierTraining

LIBRARIES = ("gcm", "torch", "torchvision", "pytorch-lightning", "numpy")
CHANGEABLE_ON_RESUME = (
    "trainer.",
    "checkpoint.",
    "data.root",
    "data.workers",
    "tensorboard",
    "compile",
    "task",
    "resume",
)
DECIDING = ("model", "data", "optimizer", "schedule", "trainer", "label_smoothing", "channels_last", "claim")
"""The sections of a config that decide what comes out of a training, the seed aside."""
LENGTH = ("trainer.max_epochs", "trainer.max_steps")


def train(config: DictConfig) -> None:
    """Fit and test; with `resume=` go on with a run, by its own config."""
    refuse(config, "weights")
    with resumed_directory(config) if config.resume else run_directory(config) as directory:
        if config.resume:
            result = go_on(resumable(directory), directory, config)
        else:
            result = swept(config, directory) if in_sweep() else train_network(config, directory)
    show_results([result])
    say(f"run directory: {directory}")
    say_next("task=explain", f"weights={directory}")


def swept(config: DictConfig, directory: Path) -> dict[str, Any]:
    """A sweep's job. One that a sweep in the same directory finished before is kept, one that it began goes on."""
    begun = begun_training(directory)
    if begun is None:
        return train_network(config, directory)
    check_same_job(config, begun.config, directory)
    if (directory / "result.json").is_file():
        finished: dict[str, Any] = json.loads((directory / "result.json").read_text())
        say(f"kept: {directory}")
        return finished
    return go_on(begun, directory)


def check_same_job(config: DictConfig, begun: DictConfig, directory: Path) -> None:
    stored, now = plain(begun), plain(config)
    if (deciding(stored), stored["seed"]) != (deciding(now), now["seed"]):
        raise InputError(
            f"{directory} holds another job; compare {directory}/config.yaml, or name a new directory: hydra.sweep.dir="
        )


def deciding(config: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a training but the seed: without where its data lie and how its progress is shown."""
    return {
        **{name: config[name] for name in DECIDING},
        "data": {**config["data"], "root": None, "workers": None},
        "trainer": {**config["trainer"], "enable_progress_bar": None},
    }


def go_on(begun: BegunTraining, directory: Path, config: DictConfig | None = None) -> dict[str, Any]:
    """Go on with a training, by its own config and what `config`, that of today's command, may change in it.

    One that was stopped before it had written a checkpoint begins anew, with the same outcome.
    """
    remove_partial_files(directory)
    stored = begun.config if config is None else resumed_config(config, begun, directory)
    return train_network(stored, directory, begun.card, overrides=begun.overrides if config is None else added(begun))


def added(begun: BegunTraining) -> list[str]:
    """The training's first command, with what is changed on the way."""
    known = begun.overrides
    new = [word for word in task_overrides() if word not in known and not word.startswith(("resume=", "task="))]
    return [*known, *new]


def resumable(directory: Path) -> BegunTraining:
    begun = begun_training(directory)
    if begun is None:
        raise InputError(
            f"resume={directory} is no run directory with a last.ckpt or config.yaml; start anew without resume="
        )
    return begun


def resumed_config(config: DictConfig, begun: BegunTraining, directory: Path) -> DictConfig:
    """The run's own config with what may change on the way; raises `InputError` for what may not."""
    from gcm.training.schedule import constant

    stored = begun.config
    fixed_length = resolve(stored.schedule, "schedule") is not constant
    for key in overridden_keys():
        if not key.startswith(CHANGEABLE_ON_RESUME):
            raise InputError(f"{key} cannot change on resume; allowed: {listed(CHANGEABLE_ON_RESUME)}")
        if key in LENGTH and fixed_length:
            raise InputError(f"{key} cannot change on resume: the learning rate's schedule is made for the old length")
        if key not in ("task", "resume") and not key.startswith("task."):
            OmegaConf.update(stored, key, OmegaConf.select(config, key), force_add=True)
    epochs, steps = (begun.card.epochs, begun.card.steps) if begun.card else (0, 0)
    complete = epochs >= (stored.trainer.max_epochs or sys.maxsize) or 0 < stored.trainer.max_steps <= steps
    if complete and (directory / "result.json").is_file():
        raise InputError(f"{directory} has finished: {epochs} epochs, {steps} steps; nothing is left to resume")
    return stored


def train_network(
    config: DictConfig, directory: Path, earlier: Card | None = None, overrides: Sequence[str] | None = None
) -> dict[str, Any]:
    """Fit and test one network; `directory` gets its config, checkpoints, log, learning curve and `result.json`.

    `earlier` is what an earlier part of the training says of itself, if this one goes on with it; `overrides`: the
    command line that would train it, if that is not the one that was typed.
    """
    from pytorch_lightning import seed_everything

    from gcm.training.batches import ImageBatches
    from gcm.training.checkpoint import Checkpoints
    from gcm.training.trainer import lightning_trainer

    data: ImageData = build(config.data, key="data")
    seed_everything(config.seed, workers=True, verbose=False)
    words = task_overrides() if overrides is None else list(overrides)
    module = training_module(config, data, directory, origin(config, data, earlier, words))
    stop = StopRequest()
    checkpoints = Checkpoints(directory, config.checkpoint.every_n_steps, stop)
    trainer = lightning_trainer(
        config.trainer, directory, [checkpoints], config.tensorboard, validated=data.val_size > 0
    )
    if trainer.world_size > 1 and in_sweep():
        raise InputError("a sweep (-m) trains in one process for each job; leave trainer.devices at 1")
    write_config(directory, config, words)
    (directory / "result.json").unlink(missing_ok=True)  # of an earlier, shorter part
    batches = ImageBatches(data, config.seed)
    with stop:
        trainer.fit(module, batches, ckpt_path=directory / "last.ckpt" if earlier else None, weights_only=True)
    seconds = module.training_seconds
    if (directory / "best.ckpt").is_file():
        module.network.load_state_dict(dict(read_saved(directory / "best.ckpt").weights))
    (tested,) = trainer.test(module, batches, verbose=False)
    result = {
        "network": network_name(config),
        "data": data.name,
        "seed": config.seed,
        "parameters": module.network.parameter_count(),
        "epochs": trainer.current_epoch,
        "steps": trainer.global_step,
        **tested,
        "test_images": len(data.test),
        "training_seconds": round(seconds, 1),
        "machine": module.origin["machine"],
        "overrides": list(module.origin["overrides"]),
    }
    if trainer.is_global_zero:
        write_json(directory / "result.json", result)
    return result


def training_module(
    config: DictConfig, data: ImageData, directory: Path, origin: Mapping[str, Any]
) -> "ClassifierTraining":
    """The network, as the seed makes it, with all that its training needs; `origin`: what a checkpoint says of it."""
    from gcm.training.history import History
    from gcm.training.module import ClassifierTraining

    network: Classifier = build(config.model, data.spec, key="model")
    network.check_images(torch.zeros(1, *data.spec.shape))
    if data.crop_padding >= min(data.spec.shape[1:]):
        raise InputError(
            f"data.crop_padding must be less than the images' size {data.spec.shape[1:]}, got {data.crop_padding}"
        )
    if config.compile:
        network.compile(dynamic=False)
    return ClassifierTraining(
        network,
        data,
        optimizer=config.optimizer,
        schedule=config.schedule,
        label_smoothing=config.label_smoothing,
        channels_last=config.channels_last,
        seed=config.seed,
        origin=origin,
        history=History(directory, title=f"{network_name(config)}, seed {config.seed}"),
    )


def network_name(config: DictConfig) -> str:
    return f"{config.names.model}_{config.names.data}"


def origin(config: DictConfig, data: ImageData, earlier: Card | None, overrides: Sequence[str]) -> dict[str, Any]:
    """What a checkpoint says of itself; only plain values, so that it can be read without executing anything.

    A resumed training names all its machines.
    """
    return {
        "config": OmegaConf.to_container(config, resolve=False),
        "spec": data.spec.to_dict(),
        "seed": config.seed,
        "overrides": list(overrides),
        "machine": " and ".join(dict.fromkeys([*(earlier.machine.split(" and ") if earlier else []), machine()])),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{library: version(library) for library in LIBRARIES}}


def versions_now() -> str:
    return ", ".join(f"{name} {number}" for name, number in versions().items())


def machine() -> str:
    accelerator = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    threads = torch.get_num_threads()
    return f"{platform.system()} {processor()}, {threads} thread{'s' if threads > 1 else ''}{accelerator}"


def processor() -> str:
    """The processor's own name where the system tells it, else its architecture."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()
