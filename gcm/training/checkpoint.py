"""The files that a training goes on from, and what else is kept of its networks."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from signal import SIGTERM
from typing import Any

import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from gcm.file import write_bytes
from gcm.stopping import Stopped, StopRequest


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints appear whole or not at all; Lightning's own would be copied from the system's temporary directory."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        content = BytesIO()  # where torch.save writes to a full disk itself, its error does not say so
        torch.save(checkpoint, content)
        write_bytes(Path(path), content.getvalue())


class Checkpoints(Checkpoint):
    """Writes `last.ckpt` after every epoch, before it `best.ckpt` if the validation accuracy is the highest so far, and
    `step_….ckpt` every so many steps, from `step_0.ckpt` on.

    Where a stop is requested, `last.ckpt` is written after the step under way, and `Stopped` raised: the training goes
    on from there within the epoch.
    """

    def __init__(self, directory: Path, every_n_steps: int | None, stop: StopRequest) -> None:
        self.directory, self.every_n_steps, self.stop = directory, every_n_steps, stop
        self.best_accuracy = -1.0
        self.latest_step = 0

    def state_dict(self) -> dict[str, Any]:
        return {"best_accuracy": self.best_accuracy}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best_accuracy = state_dict["best_accuracy"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.stop.listen()  # Lightning has just put itself in the place, and would stop without saving
        self.latest_step = trainer.global_step
        if self.every_n_steps is not None and trainer.global_step == 0:
            self.save(trainer, "step_0")
        self.stop_if_requested(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step, before = trainer.global_step, self.latest_step
        self.latest_step = step
        if self.every_n_steps is not None and step > before and step % self.every_n_steps == 0:
            self.save(trainer, f"step_{step}")
        if step > before and within_epoch(trainer, batch_idx + 1):
            self.stop_if_requested(trainer, lambda: self.save(trainer, "last"))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        accuracy = float(trainer.callback_metrics.get("val_accuracy", -1.0))
        if accuracy > self.best_accuracy:
            self.best_accuracy = accuracy
            self.save(trainer, "best")
        self.save(trainer, "last")
        self.stop_if_requested(trainer)

    def save(self, trainer: Trainer, name: str) -> None:
        trainer.save_checkpoint(self.directory / f"{name}.ckpt")

    def stop_if_requested(self, trainer: Trainer, save: Callable[[], None] = lambda: None) -> None:
        """In all processes of the training, if in any."""
        if trainer.strategy.reduce_boolean_decision(self.stop.signal_number is not None, all=False):
            save()
            raise Stopped(self.stop.signal_number or SIGTERM, f"stopped at step {trainer.global_step}")


def within_epoch(trainer: Trainer, batches: int) -> bool:
    """Whether after so many batches the next thing is another one: no validation and no end of the epoch."""
    every = trainer.val_check_batch
    validated = every is not None and every > 0 and batches % every == 0
    return not trainer.should_stop and not validated and batches < trainer.num_training_batches
