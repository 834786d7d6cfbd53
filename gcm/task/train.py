"""`task=train`: fit a network, then test it."""

import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from gcm.build import build
from gcm.data import ImageData
from gcm.error import InputError, listed
from gcm.file import write_json, write_text
from gcm.model import Classifier
from gcm.report.console import say, show_results
from gcm.task.run_directory import run_directory
from gcm.task.settings import overridden_keys, task_overrides
from gcm.zoo.saved import read_saved

LIBRARIES = ("gcm", "torch", "torchvision", "pytorch-lightning", "numpy")
CHANGEABLE_ON_RESUME = ("trainer.", "checkpoint.", "data.root", "data.workers", "tensorboard", "task", "resume", "compile")


def train(config: DictConfig) -> None:
    """Fit and test; with `resume=` go on with a run, by its own config."""
    if config.resume is None:
        directory = run_directory(config)
    else:
        directory = Path(config.resume).expanduser()
        config = resumed_config(config, directory)
    result = train_network(config, directory)
    show_results([result])
    say(f"run directory: {directory}")
    say(f"next: python train.py task=explain weights={directory}")


def resumed_config(config: DictConfig, directory: Path) -> DictConfig:
    """The run's own config with what may change on the way; raises `InputError` for what may not."""
    stored = read_saved(directory / "last.ckpt").config
    for key in overridden_keys():
        if not key.startswith(CHANGEABLE_ON_RESUME):
            raise InputError(f"{key} cannot change on resume; allowed: {listed(CHANGEABLE_ON_RESUME)}")
        if not key.startswith("task"):
            OmegaConf.update(stored, key, OmegaConf.select(config, key), force_add=True)
    return stored


def train_network(config: DictConfig, directory: Path) -> dict[str, Any]:
    """Fit and test one network; leaves config, checkpoints, `metrics.csv`, learning curve and `result.json` in `directory`."""
    from pytorch_lightning import seed_everything

    from gcm.training.batches import ImageBatches
    from gcm.training.history import History
    from gcm.training.module import ClassifierTraining
    from gcm.training.trainer import checkpoint_callbacks, lightning_trainer

    data: ImageData = build(config.data, key="data")
    seed_everything(config.seed, workers=True, verbose=False)
    network: Classifier = build(config.model, data.spec, key="model")
    network.check_images(torch.zeros(1, *data.spec.shape))
    if config.compile:
        network.compile(dynamic=False)
    name = f"{config.names.model}_{config.names.data}"
    history = History(directory, title=f"{name}, seed {config.seed}")
    module = ClassifierTraining(
        network,
        data,
        optimizer=config.optimizer,
        schedule=config.schedule,
        label_smoothing=config.label_smoothing,
        channels_last=config.channels_last,
        seed=config.seed,
        origin=origin(config, data),
        history=history,
    )
    callbacks = checkpoint_callbacks(directory, data.val_size > 0, config.checkpoint.every_n_steps)
    trainer = lightning_trainer(config.trainer, directory, callbacks, config.tensorboard, validated=data.val_size > 0)
    write_text(directory / "config.yaml", OmegaConf.to_yaml(config))
    batches = ImageBatches(data, config.seed)
    began = time.monotonic()
    trainer.fit(module, batches, ckpt_path=directory / "last.ckpt" if config.resume else None, weights_only=True)
    seconds = time.monotonic() - began
    if trainer.is_global_zero:
        history.draw()
    if (directory / "best.ckpt").is_file():
        network.load_state_dict(dict(read_saved(directory / "best.ckpt").weights))
    (tested,) = trainer.test(module, batches, verbose=False)
    result = {
        "network": name,
        "seed": config.seed,
        "parameters": network.parameter_count(),
        "epochs": trainer.current_epoch,
        "steps": trainer.global_step,
        **tested,
        "test_images": len(data.test),
        "training_seconds": round(seconds, 1),
        "machine": machine(),
        "overrides": task_overrides(),
    }
    if trainer.is_global_zero:
        write_json(directory / "result.json", result)
    return result


def origin(config: DictConfig, data: ImageData) -> dict[str, Any]:
    """What a checkpoint says of itself; only plain values, so that it can be read without executing anything."""
    return {
        "config": OmegaConf.to_container(config, resolve=False),
        "spec": data.spec.to_dict(),
        "seed": config.seed,
        "versions": {"python": platform.python_version(), **{library: version(library) for library in LIBRARIES}},
    }


def machine() -> str:
    accelerator = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{platform.system()} {platform.machine()}, {torch.get_num_threads()} threads{accelerator}"
