"""Lightning's trainer is made from our config, and writes into our directory."""

import logging
import warnings
from math import ceil
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint, LearningRateMonitor, ProgressBar
from pytorch_lightning.loggers import TensorBoardLogger

from gcm.error import InputError
from gcm.instantiate import plain
from gcm.launch import for_launched
from gcm.training.checkpoint import WholeCheckpoints
from gcm.training.trainer_setting import check_device, check_each


def lightning_trainer(
    settings: DictConfig, directory: Path, callbacks: list[Callback], tensorboard: bool, validated: bool
) -> Trainer:
    """Return a trainer as the settings want it, that writes into a directory.

    A training's progress is shown by one of the `callbacks`; without it nothing shows it, whatever the settings say.
    """
    checked = check_each(plain(settings))
    checked.pop("max_time", None)  # `Checkpoints` keeps to it: Lightning would leave the rest of the epoch out
    epochs, steps = checked.get("max_epochs"), checked.get("max_steps", -1)
    if steps != -1:
        checked |= {"max_steps": -1, "max_epochs": -1 if epochs is None else epochs}
        callbacks = [*callbacks, StopAfterSteps(steps)]
    if not validated:
        checked["limit_val_batches"] = 0
    if tensorboard:
        callbacks = [*callbacks, LearningRateMonitor("step")]
    checked["enable_progress_bar"] = any(isinstance(callback, ProgressBar) for callback in callbacks)
    checked["enable_model_summary"] = False
    return new_trainer(
        **checked,
        callbacks=callbacks,
        logger=tensorboard_logger(directory) if tensorboard else False,
        default_root_dir=directory,
        use_distributed_sampler=False,
        enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
        plugins=[WholeCheckpoints()],
    )


def check_trainer(settings: DictConfig) -> None:
    """Raise `InputError` for settings that Lightning, this program, or this machine cannot do; nothing is begun."""
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    checked = check_each(plain(settings))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = new_trainer(**checked | quiet)
    check_device(trainer, checked)


def new_trainer(**settings: Any) -> Trainer:
    for name in ("pytorch_lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        return Trainer(**for_launched(settings))
    except (MisconfigurationException, ValueError, TypeError, RuntimeError, ImportError) as error:
        if isinstance(error, InputError):
            raise
        wanted = settings.get("accelerator", "auto")
        elsewhere = torch.cuda.is_available() if wanted == "auto" else wanted != "cpu"
        hint = "; try trainer.accelerator=cpu" if elsewhere else ""
        raise InputError(f"trainer: {' '.join(str(error).split())}{hint}") from None


class StopAfterSteps(Callback):
    """Stops a training after so many steps, as Lightning's own `max_steps` does, but takes no step twice.

    With `max_steps` Lightning (2.6) does, where a training goes on from the end of an epoch. Where a training stopped
    within an epoch, the rest of that epoch is left out.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = trainer.global_step >= self.steps
        if trainer.max_epochs == -1:  # so that the progress bar says how many there will be
            batches_left = (self.steps - trainer.global_step) * trainer.accumulate_grad_batches
            batches = batches_of_this_epoch(trainer) + batches_left
            trainer.fit_loop.max_epochs = trainer.current_epoch + ceil(batches / trainer.num_training_batches)

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        trainer.should_stop = trainer.should_stop or trainer.global_step >= self.steps


def batches_of_this_epoch(trainer: Trainer) -> int:
    """Return how many batches a training had that goes on within an epoch."""
    loop = trainer.fit_loop
    return int(loop.epoch_loop.batch_idx) + 1 if loop.restarting else 0


def planned_steps(trainer: Trainer) -> int:
    """Return how many optimizer steps the whole training has."""
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    stops = [callback.steps for callback in callbacks if isinstance(callback, StopAfterSteps)]
    return int(min([trainer.estimated_stepping_batches, *stops]))


def tensorboard_logger(directory: Path) -> TensorBoardLogger:
    try:
        return TensorBoardLogger(directory, name="tensorboard", version="")
    except ModuleNotFoundError:
        raise InputError('tensorboard=true needs TensorBoard: pip install -e ".[tensorboard]"') from None
