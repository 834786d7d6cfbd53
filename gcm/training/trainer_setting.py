"""Each setting of Lightning's trainer does what it says, or is refused in one line."""

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from math import ceil
from typing import Any, Self

from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Timer

from gcm.command import after_python
from gcm.error import InputError
from gcm.instantiate import check_settings, resolve, unknown_key

TAKEN = {
    "max_epochs", "max_steps", "max_time", "accelerator", "devices", "num_nodes", "strategy", "precision",
    "sync_batchnorm", "enable_progress_bar", "enable_model_summary", "log_every_n_steps", "limit_train_batches",
    "accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm", "num_sanity_val_steps",
    "val_check_interval", "check_val_every_n_epoch", "deterministic", "benchmark", "inference_mode", "detect_anomaly",
}  # fmt: skip
"""Settings that are the user's and have an effect."""
OURS = {
    "callbacks", "logger", "default_root_dir", "use_distributed_sampler", "enable_checkpointing", "limit_val_batches",
    "limit_test_batches", "fast_dev_run", "overfit_batches", "barebones", "plugins",
}  # fmt: skip
"""Settings that the program decides."""
WITHOUT_EFFECT = {
    "min_epochs": "no training ends before max_epochs, max_steps or max_time say so",
    "min_steps": "no training ends before max_epochs, max_steps or max_time say so",
    "limit_predict_batches": "nothing is predicted by Lightning",
    "profiler": "nothing shows what it finds; python -m cProfile -s tottime {after_python} … does",
    "reload_dataloaders_every_n_epochs": "images stay the same during a training",
    "enable_autolog_hparams": "config.yaml and every checkpoint hold all settings",
    "model_registry": "nothing is uploaded",
}
"""The other settings that Lightning has, and why each would do nothing here."""
OF_VALIDATION = {"val_check_interval": None, "check_val_every_n_epoch": 1, "num_sanity_val_steps": 0}
"""Settings that only a training with validation images looks at, with the values that say nothing."""


def check_each(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings as Lightning takes them, checked each for itself and with the others, whatever is trained.

    Raises `InputError` for the first that is wrong.
    """
    if resolve(settings, "trainer") is not Trainer:
        raise InputError(f"trainer._target_ must be pytorch_lightning.Trainer; got {settings['_target_']}")
    for name in settings:
        check_taken(name)
    checked = check_settings(Trainer, settings, given=0, key="trainer")
    epochs, steps = checked.get("max_epochs"), checked.get("max_steps", -1)
    if (epochs is not None and epochs < 1) or steps < -1 or steps == 0:
        raise InputError(
            "trainer.max_epochs must be 1 or more, or null with trainer.max_steps 1 or more, or null for what suits "
            f"the images; got {epochs} and {steps}"
        )
    if checked.get("gradient_clip_algorithm") and not checked.get("gradient_clip_val"):
        raise InputError("trainer.gradient_clip_algorithm has no effect without trainer.gradient_clip_val=")
    seconds(checked.get("max_time"))
    return checked


def without_plus(name: str) -> InputError:
    """Return the error for a setting that `configs/trainer` does not have, and that was written without `+`."""
    if name in TAKEN:
        return InputError(f"trainer.{name} is added to the settings: write +trainer.{name}=VALUE")
    try:
        check_taken(name)
    except InputError as error:
        return error
    raise AssertionError(name)


def check_taken(name: str) -> None:
    if name in TAKEN or name == "_target_":
        return
    if name in OURS:
        raise InputError(f"trainer.{name} is set by the program itself; leave it out")
    if name not in signature(Trainer).parameters:
        raise unknown_key(f"trainer.{name}", name, TAKEN)
    reason = WITHOUT_EFFECT.get(name, "this program does not use it").format(after_python=after_python())
    raise InputError(f"trainer.{name} has no effect here: {reason}; leave it out")


def seconds(max_time: str | float | Mapping[str, int] | None) -> float | None:
    """Return how many seconds a part of a training may take, or None.

    Raises `InputError` for a value that is no time.
    """
    try:
        found = None if max_time is None else Timer(dict(max_time) if isinstance(max_time, Mapping) else str(max_time))
        limit = found.time_remaining() if found else None
    except (MisconfigurationException, TypeError, OverflowError):
        limit = 0.0
    if limit is not None and limit <= 0:
        raise InputError(
            "trainer.max_time must be longer than 0 and written as DD:HH:MM:SS, such as 00:01:30:00 for an hour and a "
            f"half, or as {{hours: 1, minutes: 30}}; got {max_time}"
        )
    return limit


def check_device(trainer: Trainer, checked: Mapping[str, Any]) -> None:
    """Raise `InputError` for settings that need another device, or more of them."""
    where = trainer.accelerator.name()
    wanted = str(checked.get("precision"))
    if wanted in ("16", "16-mixed") and trainer.precision != "16-mixed":
        raise InputError(
            f"trainer.precision={wanted} needs a GPU, this training would be on {where}; "
            "allowed there: bf16-mixed, bf16-true, 32-true, 64-true"
        )
    if checked.get("benchmark") and where == "cpu":
        raise InputError("trainer.benchmark has no effect without a GPU, this training would be on cpu; leave it out")
    if checked.get("sync_batchnorm") and (where == "cpu" or trainer.world_size == 1):
        raise InputError(
            f"trainer.sync_batchnorm needs several GPUs, this training would be on {trainer.world_size} {where}; "
            "leave it out"
        )


def check_length(length: "Length", settings: Mapping[str, Any], validated: bool, tensorboard: bool) -> None:
    """Raise `InputError` for intervals that are longer than the training, and for settings without effect on it.

    `validated`: whether there are validation images.
    """
    check_interval("accumulate_grad_batches", settings, length.epoch_batches, "batches of an epoch")
    if settings.get("log_every_n_steps") is not None and not tensorboard:
        raise InputError("trainer.log_every_n_steps has no effect without tensorboard=true")
    check_interval("log_every_n_steps", settings, length.steps, "steps of the training")
    if not validated:
        given = [name for name, nothing in OF_VALIDATION.items() if settings.get(name, nothing) not in (nothing, None)]
        if given:
            raise InputError(f"trainer.{given[0]} has no effect without validation images; set data.val_size=")
        return
    check_interval("check_val_every_n_epoch", settings, length.epochs, "epochs of the training")
    interval = settings.get("val_check_interval")
    if settings.get("check_val_every_n_epoch", 1) is None or length.batches < length.epoch_batches:
        if isinstance(interval, float) and interval * length.epoch_batches >= length.batches + 1:
            raise InputError(
                f"trainer.val_check_interval={interval:g} of {length.epoch_batches} batches comes after the training's "
                f"end, which has {length.batches}"
            )
        check_interval("val_check_interval", settings, length.batches, "batches of the training")
    elif isinstance(interval, int):
        check_interval("val_check_interval", settings, length.epoch_batches, "batches of an epoch")


def check_interval(name: str, settings: Mapping[str, Any], most: int, of_what: str) -> None:
    got = settings.get(name)
    if got is not None and got > most:
        raise InputError(f"trainer.{name} must be at most {most}, the {of_what}; got {got}")


@dataclass(frozen=True)
class Length:
    """The length of a training that is planned.

    Attributes:
        epoch_batches, epoch_steps: batches that each process takes in an epoch, and optimizer steps.
        steps: optimizer steps in all.
        accumulated: batches of a step.
    """

    epoch_batches: int
    epoch_steps: int
    steps: int
    accumulated: int

    @classmethod
    def of(cls, settings: Mapping[str, Any], batches: int) -> Self:
        """Return the length, from the `batches` that a process has in an epoch.

        Raises `InputError` where the settings leave none.
        """
        limit, accumulated = settings.get("limit_train_batches"), settings.get("accumulate_grad_batches", 1)
        taken = batches if limit is None else min(limit, batches) if isinstance(limit, int) else int(batches * limit)
        if not taken:
            raise InputError(
                f"trainer.limit_train_batches={limit:g} leaves none of the {batches} batches of an epoch; say how "
                "many: trainer.limit_train_batches=1"
            )
        of_epoch = ceil(taken / accumulated)
        epochs, steps = settings.get("max_epochs"), settings.get("max_steps", -1)
        limits = [*([] if epochs is None else [epochs * of_epoch]), *([] if steps == -1 else [steps])]
        return cls(taken, of_epoch, min(limits), accumulated)

    @property
    def epochs(self) -> int:
        """The number of epochs, also of those that are only begun."""
        return ceil(self.steps / self.epoch_steps)

    @property
    def batches(self) -> int:
        """The number of batches in all."""
        whole, rest = divmod(self.steps, self.epoch_steps)
        return whole * self.epoch_batches + rest * self.accumulated
