"""Lightning's trainer, from our config, writing into our directory."""

import logging
import warnings
from math import ceil
from pathlib import Path
from typing import Any

from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint, LearningRateMonitor, RichProgressBar
from pytorch_lightning.loggers import TensorBoardLogger

from gcm.build import check_settings, plain
from gcm.error import InputError
from gcm.training.checkpoint import WholeCheckpoints

OURS = {
    "callbacks", "logger", "default_root_dir", "use_distributed_sampler", "enable_checkpointing", "limit_val_batches",
    "limit_test_batches", "fast_dev_run", "overfit_batches", "barebones", "plugins",
}  # fmt: skip
"""What the program decides; the rest of Lightning's trainer is the user's."""


def lightning_trainer(
    settings: DictConfig, directory: Path, callbacks: list[Callback], tensorboard: bool, validated: bool
) -> Trainer:
    checked = checked_settings(settings)
    epochs, steps = checked.get("max_epochs"), checked.get("max_steps", -1)
    if steps != -1:
        checked |= {"max_steps": -1, "max_epochs": -1 if epochs is None else epochs}
        callbacks = [*callbacks, StopAfterSteps(steps)]
    if not validated:
        checked["limit_val_batches"] = 0
    if checked.get("enable_progress_bar", True):
        callbacks = [*callbacks, RichProgressBar(refresh_rate=10)]
    if tensorboard:
        callbacks = [*callbacks, LearningRateMonitor("step")]
    return new_trainer(
        **checked,
        callbacks=callbacks,
        logger=tensorboard_logger(directory) if tensorboard else False,
        default_root_dir=directory,
        use_distributed_sampler=False,
        enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
        plugins=[WholeCheckpoints()],
    )


def checked_settings(settings: DictConfig) -> dict[str, Any]:
    """What the user may say to Lightning's trainer, each for itself."""
    for name in OURS.intersection(settings):
        raise InputError(f"trainer.{name} is set by the program itself; leave it out")
    checked = check_settings(Trainer, plain(settings), given=0, key="trainer")
    epochs, steps = checked.get("max_epochs"), checked.get("max_steps", -1)
    if (epochs is not None and epochs < 1) or steps < -1 or steps == 0:
        raise InputError(
            "trainer.max_epochs must be 1 or more, or null with trainer.max_steps 1 or more, or null for what suits "
            f"the images; got {epochs} and {steps}"
        )
    return checked


def check_trainer(settings: DictConfig) -> None:
    """Raise `InputError` for what Lightning, or this machine, cannot do; nothing is begun."""
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = new_trainer(**checked_settings(settings) | quiet)
    wanted = str(settings.get("precision"))
    if wanted in ("16", "16-mixed") and trainer.precision != "16-mixed":
        raise InputError(
            f"trainer.precision={wanted} needs a GPU, this training would be on {trainer.accelerator.name()}; "
            "allowed there: bf16-mixed, 32-true"
        )


def new_trainer(**settings: Any) -> Trainer:
    for name in ("pytorch_lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        return Trainer(**settings)
    except (MisconfigurationException, ValueError, TypeError, RuntimeError, ImportError) as error:
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
            batches_left = (self.steps - trainer.global_step) * trainer.accumulate_grad_batches
            batches = batches_of_this_epoch(trainer) + batches_left
            trainer.fit_loop.max_epochs = trainer.current_epoch + ceil(batches / trainer.num_training_batches)

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        trainer.should_stop = trainer.should_stop or trainer.global_step >= self.steps


def batches_of_this_epoch(trainer: Trainer) -> int:
    """How many a training had that goes on within an epoch."""
    loop = trainer.fit_loop
    return int(loop.epoch_loop.batch_idx) + 1 if loop.restarting else 0


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
