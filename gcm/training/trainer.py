"""Lightning's trainer, from our config, writing into our directory."""

import logging
from math import ceil
from pathlib import Path
from typing import Any

from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import LearningRateMonitor, ModelCheckpoint, RichProgressBar
from pytorch_lightning.loggers import TensorBoardLogger

from gcm.build import check_settings, plain
from gcm.error import InputError
from gcm.training.divergence import StopWhenNotFinite

OURS = {
    "callbacks", "logger", "default_root_dir", "use_distributed_sampler", "enable_checkpointing", "limit_val_batches",
    "fast_dev_run", "overfit_batches", "barebones",
}  # fmt: skip
"""What the program decides; the rest of Lightning's trainer is the user's."""


def lightning_trainer(
    settings: DictConfig, directory: Path, callbacks: list[Callback], tensorboard: bool, validated: bool
) -> Trainer:
    for name in OURS.intersection(settings):
        raise InputError(f"trainer.{name} is set by the program itself; leave it out")
    checked = check_settings(Trainer, plain(settings), given=0, key="trainer")
    epochs, steps = checked.get("max_epochs"), checked.get("max_steps", -1)
    if (epochs is not None and epochs < 1) or steps < -1 or steps == 0 or (epochs is None and steps == -1):
        raise InputError(
            f"trainer.max_epochs must be 1 or more, or null with trainer.max_steps 1 or more; got {epochs} and {steps}"
        )
    if steps != -1:
        checked |= {"max_steps": -1, "max_epochs": -1 if epochs is None else epochs}
        callbacks = [*callbacks, StopAfterSteps(steps)]
    if checked.get("limit_train_batches") == 0:
        raise InputError("+trainer.limit_train_batches must be above 0; got 0")
    for name in ("pytorch_lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if not validated:
        checked["limit_val_batches"] = 0
    if checked.get("enable_progress_bar", True):
        callbacks = [*callbacks, RichProgressBar(refresh_rate=10)]
    if tensorboard:
        callbacks = [*callbacks, LearningRateMonitor("step")]
    try:
        return Trainer(
            **checked,
            callbacks=callbacks,
            logger=tensorboard_logger(directory) if tensorboard else False,
            default_root_dir=directory,
            use_distributed_sampler=False,
            enable_checkpointing=any(isinstance(callback, ModelCheckpoint) for callback in callbacks),
        )
    except (MisconfigurationException, ValueError, TypeError, ImportError) as error:
        raise InputError(f"trainer: {' '.join(str(error).split())}; try trainer.accelerator=cpu") from None


class StopAfterSteps(Callback):
    """What Lightning's own `max_steps` does, but a training that goes on from the end of an epoch takes no step twice.

    With `max_steps` Lightning (2.6) does. Where a training stopped within an epoch, the rest of that epoch is left out.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = trainer.global_step >= self.steps
        if trainer.max_epochs == -1:  # so that the progress bar says how many there will be
            steps_left = self.steps - trainer.global_step
            epochs_left = ceil(steps_left * trainer.accumulate_grad_batches / trainer.num_training_batches)
            trainer.fit_loop.max_epochs = trainer.current_epoch + epochs_left

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        trainer.should_stop = trainer.should_stop or trainer.global_step >= self.steps


class SaveUntrained(Callback):
    """The network as the seed made it, as `step_0.ckpt`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.global_step == 0:
            trainer.save_checkpoint(self.directory / "step_0.ckpt")


def planned_steps(trainer: Trainer) -> int:
    """How many optimizer steps the whole training has."""
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    stops = [callback.steps for callback in callbacks if isinstance(callback, StopAfterSteps)]
    return int(min([trainer.estimated_stepping_batches, *stops]))


def tensorboard_logger(directory: Path) -> TensorBoardLogger:
    try:
        return TensorBoardLogger(directory, name="tensorboard", version="")
    except ModuleNotFoundError:
        raise InputError('tensorboard=true needs TensorBoard: pip install -e ".[tensorboard]"') from None


def checkpoint_callbacks(directory: Path, validated: bool, every_n_steps: int | None) -> list[Callback]:
    """`last.ckpt` after every epoch; `best.ckpt` by validation accuracy, if there is any; `step_….ckpt` on request,
    from `step_0.ckpt` on. None of them once the training's numbers are no longer finite.
    """
    callbacks: list[Callback] = [
        StopWhenNotFinite(directory),
        ModelCheckpoint(directory, "last", save_on_train_epoch_end=True, enable_version_counter=False),
    ]
    if validated:
        callbacks.append(
            ModelCheckpoint(directory, "best", monitor="val_accuracy", mode="max", enable_version_counter=False)
        )
    if every_n_steps is not None:
        callbacks.append(
            ModelCheckpoint(
                directory,
                "step_{step}",
                every_n_train_steps=every_n_steps,
                save_top_k=-1,
                auto_insert_metric_name=False,
            )
        )
        callbacks.append(SaveUntrained(directory))
    return callbacks
