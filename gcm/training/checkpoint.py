"""A training goes on from the files that it keeps of its networks."""

import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn, Protocol

import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from gcm.atomic_write import write_bytes


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints appear whole or not at all; Lightning's own would be copied from the system's temporary directory."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        content = BytesIO()  # where torch.save writes to a full disk itself, its error does not say so
        torch.save(checkpoint, content)
        write_bytes(Path(path), content.getvalue())


class Stop(Protocol):
    """Tells a training that it should stop, as somebody who sends a signal does."""

    @property
    def requested(self) -> bool:
        """Whether it should stop as soon as its files are whole."""

    def listen(self) -> object:
        """Hear requests again, after Lightning has taken the place where they arrive."""

    def end(self, where: str) -> NoReturn:
        """End the training with an exception; `where` says how far it came."""


class TimeIsUp(Exception):  # noqa: N818 - no error
    """A training has had the time it was given; `last.ckpt` is written."""


class Checkpoints(Checkpoint):
    """Writes `last.ckpt` after every epoch, `best.ckpt` before it if the validation accuracy is the highest so far.

    `step_….ckpt` comes every so many steps, from `step_0.ckpt` on. Validations within an epoch may be the best, too.
    Where a stop is requested, `last.ckpt` is written after the step under way, and the request's exception raised: the
    training goes on from there within the epoch. `TimeIsUp` is raised in the same way after so many `seconds`.
    """

    def __init__(self, directory: Path, every_n_steps: int | None, stop: Stop, seconds: float | None = None) -> None:
        self.directory, self.every_n_steps, self.stop, self.seconds = directory, every_n_steps, stop, seconds
        self.best_accuracy = -1.0
        self.latest_step = 0
        self.stepped = False
        self.began = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        return {"best_accuracy": self.best_accuracy}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best_accuracy = state_dict["best_accuracy"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.stop.listen()  # Lightning has just put itself in the place, and would stop without saving
        self.latest_step = trainer.global_step
        self.began = time.monotonic()
        if self.every_n_steps is not None and trainer.global_step == 0:
            self.save(trainer, "step_0")
        self.end_if_requested(trainer)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """End between two batches of an epoch if that is requested: here a training can go on; a validation is behind
        it.
        """
        if batch_idx > 0 and self.stepped:
            self.keep_best(trainer)
            self.end_if_requested(trainer, lambda: self.save_before_batch(trainer))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = trainer.global_step
        self.stepped = step > self.latest_step
        self.latest_step = step
        if self.every_n_steps is not None and self.stepped and step % self.every_n_steps == 0:
            self.save(trainer, f"step_{step}")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.keep_best(trainer)
        self.save(trainer, "last")
        if trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs:
            self.seconds = None  # nothing is left to do
        self.end_if_requested(trainer)

    def keep_best(self, trainer: Trainer) -> None:
        accuracy = float(trainer.callback_metrics.get("val_accuracy", -1.0))
        if accuracy > self.best_accuracy:
            self.best_accuracy = accuracy
            self.save(trainer, "best")

    def save(self, trainer: Trainer, name: str) -> None:
        trainer.save_checkpoint(self.directory / f"{name}.ckpt")

    def save_before_batch(self, trainer: Trainer) -> None:
        """Save the training as it stands without the batch that Lightning has counted as fetched."""
        fetched = trainer.fit_loop.epoch_loop.batch_progress
        for counted in (fetched.total, fetched.current):
            counted.reset_on_restart()
        self.save(trainer, "last")

    def end_if_requested(self, trainer: Trainer, save: Callable[[], None] = lambda: None) -> None:
        """End all processes of the training, if any was asked to."""
        if agreed(trainer, self.stop.requested):
            save()
            self.stop.end(f"stopped at step {trainer.global_step}")
        if self.seconds is not None and agreed(trainer, time.monotonic() - self.began >= self.seconds):
            save()
            raise TimeIsUp


def agreed(trainer: Trainer, wanted: bool) -> bool:
    """Return whether any process of the training wants it."""
    return trainer.strategy.reduce_boolean_decision(wanted, all=False)
