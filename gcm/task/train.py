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
from gcm.file import write_json, write_text
from gcm.model import Classifier
from gcm.task.run_directory import in_sweep, run_directory
from gcm.task.settings import check_config, overridden_keys, refuse, task_overrides
from gcm.zoo import Card, SavedNetwork, read_saved

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
    if config.resume is None:
        with run_directory(config) as directory:
            result = swept(config, directory) if in_sweep() else train_network(config, directory)
    else:
        directory = Path(config.resume).expanduser()
        earlier = resumable(directory)
        result = train_network(resumed_config(config, earlier), directory, earlier.card)
    show_results([result])
    say(f"run directory: {directory}")
    say_next("task=explain", f"weights={directory}")


def swept(config: DictConfig, directory: Path) -> dict[str, Any]:
    """A sweep's job. One that a sweep in the same directory finished before is kept, one that it began goes on."""
    if (directory / "result.json").is_file():
        check_same_job(config, directory)
        finished: dict[str, Any] = json.loads((directory / "result.json").read_text())
        say(f"kept: {directory}")
        return finished
    if (directory / "last.ckpt").is_file():
        check_same_job(config, directory)
        earlier = resumable(directory)
        return train_network(earlier.config, directory, earlier.card)
    return train_network(config, directory)


def check_same_job(config: DictConfig, directory: Path) -> None:
    path = directory / "config.yaml"
    stored: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=True) if path.is_file() else {}
    now = plain(config)
    if not stored or (deciding(stored), stored["seed"]) != (deciding(now), now["seed"]):
        raise InputError(f"{directory} holds another job; compare {path}, or name a new directory: hydra.sweep.dir=")


def deciding(config: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a training but the seed: without where its data lie and how its progress is shown."""
    return {
        **{name: config[name] for name in DECIDING},
        "data": {**config["data"], "root": None, "workers": None, "download": None},
        "trainer": {**config["trainer"], "enable_progress_bar": None},
    }


def resumable(directory: Path) -> SavedNetwork:
    if not (directory / "last.ckpt").is_file():
        raise InputError(f"resume={directory} is no run directory with a last.ckpt; start anew without resume=")
    return read_saved(directory / "last.ckpt")


def resumed_config(config: DictConfig, earlier: SavedNetwork) -> DictConfig:
    """The run's own config with what may change on the way; raises `InputError` for what may not."""
    from gcm.training.schedule import constant

    stored, card, directory = earlier.config, earlier.card, earlier.path.parent
    fixed_length = resolve(stored.schedule, "schedule") is not constant
    for key in overridden_keys():
        if not key.startswith(CHANGEABLE_ON_RESUME):
            raise InputError(f"{key} cannot change on resume; allowed: {listed(CHANGEABLE_ON_RESUME)}")
        if key in LENGTH and fixed_length:
            raise InputError(f"{key} cannot change on resume: the learning rate's schedule is made for the old length")
        if key not in ("task", "resume") and not key.startswith("task."):
            OmegaConf.update(stored, key, OmegaConf.select(config, key), force_add=True)
    OmegaConf.update(stored, "data.download", stored.data.root == config.data.root, force_add=True)
    check_config(stored)
    complete = card.epochs >= (stored.trainer.max_epochs or sys.maxsize) or 0 < stored.trainer.max_steps <= card.steps
    if complete and (directory / "result.json").is_file():
        raise InputError(
            f"{directory} has finished: {card.epochs} epochs, {card.steps} steps; nothing is left to resume"
        )
    return stored


def train_network(
    config: DictConfig, directory: Path, earlier: Card | None = None, words: Sequence[str] | None = None
) -> dict[str, Any]:
    """Fit and test one network; `directory` gets its config, checkpoints, log, learning curve and `result.json`.

    `earlier` is what an earlier part of the training says of itself, if this one goes on with it; `words`: the command
    line that would train it, if that is not the one that was typed.
    """
    from pytorch_lightning import seed_everything

    from gcm.training.batches import ImageBatches
    from gcm.training.trainer import checkpoint_callbacks, lightning_trainer

    data: ImageData = build(config.data, key="data")
    seed_everything(config.seed, workers=True, verbose=False)
    module = training_module(config, data, directory, earlier, words)
    callbacks = checkpoint_callbacks(directory, data.val_size > 0, config.checkpoint.every_n_steps)
    trainer = lightning_trainer(config.trainer, directory, callbacks, config.tensorboard, validated=data.val_size > 0)
    if trainer.world_size > 1 and in_sweep():
        raise InputError("a sweep (-m) trains in one process for each job; leave trainer.devices at 1")
    write_text(directory / "config.yaml", OmegaConf.to_yaml(config))
    (directory / "result.json").unlink(missing_ok=True)  # of an earlier, shorter part
    batches = ImageBatches(data, config.seed)
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
    config: DictConfig, data: ImageData, directory: Path, earlier: Card | None, words: Sequence[str] | None
) -> "ClassifierTraining":
    """The network, as the seed makes it, with all that its training needs."""
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
        origin=origin(config, data, earlier, task_overrides() if words is None else words),
        history=History(directory, title=f"{network_name(config)}, seed {config.seed}"),
    )


def network_name(config: DictConfig) -> str:
    return f"{config.names.model}_{config.names.data}"


def origin(config: DictConfig, data: ImageData, earlier: Card | None, words: Sequence[str]) -> dict[str, Any]:
    """What a checkpoint says of itself; only plain values, so that it can be read without executing anything.

    A resumed training keeps its first command, with what was changed on the way, and names all its machines.
    """
    known = earlier.overrides if earlier else ()
    added = [word for word in words if not word.startswith(("resume=", "task=train")) and word not in known]
    return {
        "config": OmegaConf.to_container(config, resolve=False),
        "spec": data.spec.to_dict(),
        "seed": config.seed,
        "overrides": [*earlier.overrides, *added] if earlier else list(words),
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
