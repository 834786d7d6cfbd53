"""A training whose numbers are no longer finite stops, and leaves its last good checkpoints as they are."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from gcm.data.base import Batch
from gcm.error import InputError


class StopWhenNotFinite(Callback):
    """Raises `InputError` when a loss is NaN or infinite, or what a checkpoint would hold is.

    The training loss is looked at after every step, in all processes together. An infinite gradient can spoil weights
    behind a finite loss; the next loss shows it, and so that nothing is written before that, weights and statistics are
    looked at after every epoch, and with the optimizer's averages in every checkpoint before it is written.
    """

    def __init__(self, directory: Path) -> None:
        """Watch a training whose checkpoints lie in `directory`."""
        self.directory = directory

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        loss: Tensor = outputs["loss"]
        if trainer.strategy.reduce_boolean_decision(bool(loss.isfinite())):
            return
        where = f"batch {batch_idx + 1} of epoch {trainer.current_epoch + 1}"
        raise self.diverged(trainer, f"the training loss is {float(loss):g} in {where}")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        loss = trainer.callback_metrics["val_loss"]
        if not loss.isfinite():
            raise self.diverged(trainer, f"the validation loss is {float(loss):g}")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.check(trainer, pl_module.state_dict(), "the network's")

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self.check(trainer, checkpoint["state_dict"], "the network's")
        self.check(trainer, checkpoint["optimizer_states"], "the optimizer's")

    def check(self, trainer: Trainer, state: Any, whose: str) -> None:
        for name, tensor in named_tensors(state):
            if not tensor.isfinite().all():
                raise self.diverged(trainer, f"{whose} {name.removeprefix('network.')} has values that are not finite")

    def diverged(self, trainer: Trainer, what: str) -> InputError:
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        return InputError(
            f"training diverged: {what} after step {trainer.global_step}, at a learning rate of {rate:g}; "
            f"start anew with a smaller optimizer.lr{self.more_digits(trainer)}{self.kept()}"
        )

    def more_digits(self, trainer: Trainer) -> str:
        """Return a remedy where numbers are narrow; unlike the learning rate, precision may change on the way."""
        if trainer.precision in ("32-true", "64-true"):
            return ""
        begin = f"go on with resume={self.directory}" if (self.directory / "last.ckpt").is_file() else "with"
        return f", or {begin} trainer.precision=32-true"

    def kept(self) -> str:
        names = [name for name in ("last.ckpt", "best.ckpt") if (self.directory / name).is_file()]
        return f"; {' and '.join(names)} in {self.directory} are as they were before" if names else ""


def named_tensors(state: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield all tensors in nested dictionaries and lists, with their keys joined by dots."""
    if isinstance(state, Tensor):
        yield name, state
    elif isinstance(state, Mapping | list | tuple):
        items = state.items() if isinstance(state, Mapping) else enumerate(state)
        for key, value in items:
            yield from named_tensors(value, f"{name}.{key}" if name else str(key))
