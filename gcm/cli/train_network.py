"""Trains one network of a run: from a config to its checkpoints, its log and its result."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from omegaconf import DictConfig, OmegaConf

from gcm.atomic_write import delete, make_directory, remove_partial_files, write_json
from gcm.cli.console import say
from gcm.cli.device import device_of, machine
from gcm.cli.fitted import as_begun, fitted, say_if_short
from gcm.cli.image_data import image_data
from gcm.cli.resume.training import (
    begun_training,
    check_same_job,
    is_complete,
    read_results,
    write_config,
)
from gcm.cli.run_directory import in_sweep, what_goes_on
from gcm.cli.settings import task_overrides
from gcm.cli.signals import StopRequest
from gcm.cli.versions import versions
from gcm.data import ImageData
from gcm.error import InputError
from gcm.instantiate import instantiate, plain
from gcm.launch import start_together
from gcm.model import Classifier
from gcm.zoo import Card, read_saved

if TYPE_CHECKING:
    from pytorch_lightning import Trainer

    from gcm.training.history import History
    from gcm.training.module import ClassifierTraining


def say_unless_complete(config: DictConfig, directory: Path, *trainings: Path) -> None:
    """Say how a run goes on where time was up in one of its trainings."""
    begun = [found for found in map(begun_training, trainings) if found is not None and found.card is not None]
    if any(found.card and not is_complete(found.config, found.card) for found in begun):
        say(f"time was up; go on: {what_goes_on(config, directory)}")


def train_or_go_on(config: DictConfig, directory: Path, overrides: Sequence[str] | None = None) -> dict[str, Any]:
    """Run a training that may be part of a larger job which was stopped before.

    A finished training is kept, a begun one goes on.
    """
    begun = begun_training(directory)
    if begun is not None:
        config = as_begun(config, begun.config)
    if begun is not None and in_sweep():
        check_same_job(config, begun.config, directory)
    finished_before = begun is not None and (begun.card is None or is_complete(config, begun.card))
    if finished_before and (directory / "result.json").is_file():
        (finished,) = read_results(directory)
        say(f"kept: {directory}")
        return finished
    return train_network(config, directory, begun.card if begun else None, overrides)


def train_network(
    config: DictConfig, directory: Path, earlier: Card | None = None, overrides: Sequence[str] | None = None
) -> dict[str, Any]:
    """Fit and test one network; `directory` gets its config, checkpoints, log, learning curve and `result.json`.

    `earlier` is what an earlier part of the training says of itself, if this one goes on with it; `overrides`: the
    command line that would train it, if that is not the one that was typed.
    """
    from pytorch_lightning import seed_everything

    from gcm.cli.training_bars import training_bars
    from gcm.training.batches import ImageBatches
    from gcm.training.checkpoint import Checkpoints, TimeIsUp
    from gcm.training.divergence import StopWhenNotFinite
    from gcm.training.trainer import lightning_trainer
    from gcm.training.trainer_setting import Length, check_length, seconds

    remove_partial_files(directory)
    data = image_data(config.data)
    data.check()
    config = fitted(config, data)
    seed_everything(config.seed, workers=True, verbose=False)
    words = task_overrides() if overrides is None else list(overrides)
    module = training_module(config, data, directory, origin(config, data, earlier, words))
    stop = StopRequest()
    checkpoints = Checkpoints(
        directory, config.checkpoint.every_n_steps, stop, seconds(plain(config.trainer).get("max_time"))
    )
    trainer = lightning_trainer(
        config.trainer,
        directory,
        [StopWhenNotFinite(directory), checkpoints, *training_bars(config.trainer)],
        config.tensorboard,
        validated=data.validated,
    )
    if trainer.world_size > 1 and in_sweep():
        raise InputError("a sweep (-m) trains in one process for each job; leave trainer.devices at 1")
    batches = ImageBatches(data, config.seed)
    batches.trainer = trainer
    length = Length.of(config.trainer, len(batches.train_dataloader()))
    check_length(length, config.trainer, validated=data.validated, tensorboard=config.tensorboard)
    say_if_short(length.steps, data)
    make_directory(directory)
    write_config(directory, config, words)
    delete(directory / "result.json")  # of an earlier, shorter part
    start_together()
    try:
        with stop:
            trainer.fit(module, batches, ckpt_path=directory / "last.ckpt" if earlier else None, weights_only=True)
    except TimeIsUp:
        say(f"time is up at step {trainer.global_step} of {length.steps}; the network so far is tested")
        module.on_fit_end()
    result = tested_result(config, data, module, trainer, directory)
    if trainer.is_global_zero:
        write_json(directory / "result.json", result)
    return result


def tested_result(
    config: DictConfig, data: ImageData, module: "ClassifierTraining", trainer: "Trainer", directory: Path
) -> dict[str, Any]:
    """Test the best network of a training that has just ended, or its last if there was no validation.

    Where there is no test set, the result says that there were 0 test images, and no accuracy and no loss.
    """
    from gcm.training.batches import ImageBatches

    seconds = module.training_seconds
    if (directory / "best.ckpt").is_file():
        module.network.load_state_dict(dict(read_saved(directory / "best.ckpt").weights))
    tested = trainer.test(module, ImageBatches(data), verbose=False)[0] if data.tested else {}
    return {
        "network": network_name(config),
        "data": data.name,
        "seed": config.seed,
        "parameters": module.network.parameter_count(),
        "epochs": trainer.current_epoch,
        "steps": trainer.global_step,
        **tested,
        **best_validation(module.history),
        "test_images": len(data.test) if data.tested else 0,
        "training_seconds": round(seconds, 1),
        "machine": module.origin["machine"],
        "overrides": list(module.origin["overrides"]),
    }


def best_validation(history: "History | None") -> dict[str, float]:
    """Return the validation accuracy of the epoch that is kept, where there are validation images."""
    accuracies = [row["val_accuracy"] for row in history.rows if "val_accuracy" in row] if history else []
    return {"val_accuracy": max(accuracies)} if accuracies else {}


def training_module(
    config: DictConfig, data: ImageData, directory: Path, origin: Mapping[str, Any]
) -> "ClassifierTraining":
    """Build the network, as the seed makes it, with all that its training needs; `origin`: a checkpoint's account of
    it.
    """
    from gcm.training.history import History
    from gcm.training.module import ClassifierTraining

    network: Classifier = instantiate(config.model, data.spec, key="model")
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
    """Return a checkpoint's account of itself; only plain values, so that it can be read without executing anything.

    A resumed training names all its machines.
    """
    machines = [*(earlier.machine.split(" and ") if earlier else []), machine(device_of(config))]
    return {
        "config": OmegaConf.to_container(config, resolve=False),
        "spec": data.spec.to_dict(),
        "seed": config.seed,
        "overrides": list(overrides),
        "machine": " and ".join(dict.fromkeys(machines)),
        "versions": versions(),
    }
