"""A training is read from its run directory: its config and command, and how far it has come."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from gcm.atomic_write import write_text
from gcm.cli.settings import check_config, only_read, overridden_keys, task_overrides
from gcm.error import InputError, listed
from gcm.instantiate import plain, resolve
from gcm.zoo import Card, read_saved

FIRST_LINE = "# overrides: "
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
"""The sections of a config that decide the result of a training, the seed aside."""
LENGTH = ("trainer.max_epochs", "trainer.max_steps")
NEEDED = {
    "network": str,
    "seed": int,
    "parameters": int,
    "epochs": int,
    "test_images": int,
    "overrides": list,
}
"""The keys that a result must have for tables of several runs."""
OF_A_TEST = {"test_accuracy": float, "test_loss": float}
"""The keys that it must have where there were test images."""
MADE_ANEW = "delete it, and the same command makes it anew"


@dataclass(frozen=True)
class BegunTraining:
    """A training that was begun.

    Attributes:
        config: config of the training.
        overrides: words of its command line.
        card: card of its last checkpoint; None: it was stopped before it had one.
    """

    config: DictConfig
    overrides: list[str]
    card: Card | None


def begun_training(directory: Path) -> BegunTraining | None:
    """Read a training from `last.ckpt`, or `config.yaml` where that is all there is; None where nothing was begun."""
    if (directory / "last.ckpt").is_file():
        saved = read_saved(directory / "last.ckpt")
        return BegunTraining(saved.config, list(saved.card.overrides), saved.card)
    if (directory / "config.yaml").is_file():
        return BegunTraining(*read_config(directory), card=None)
    return None


def resumable(directory: Path) -> BegunTraining:
    begun = begun_training(directory)
    if begun is None:
        raise InputError(
            f"resume={directory} is no run directory with a last.ckpt or config.yaml; start anew without resume="
        )
    return begun


def resumed_config(config: DictConfig, begun: BegunTraining, directory: Path) -> DictConfig:
    """Return the run's own config with what may change on the way; raises `InputError` for what may not."""
    from gcm.training.schedule import constant

    stored = begun.config
    fixed_length = resolve(stored.schedule, "schedule") is not constant
    for key in overridden_keys():
        if not key.startswith(CHANGEABLE_ON_RESUME) or key.startswith("task."):
            raise InputError(f"{key} cannot change on resume; allowed: {listed(CHANGEABLE_ON_RESUME)}")
        if key in LENGTH and fixed_length:
            raise InputError(f"{key} cannot change on resume: the learning rate's schedule is made for the old length")
        if key not in ("task", "resume"):
            OmegaConf.update(stored, key, OmegaConf.select(config, key), force_add=True)
    if not only_read(stored.data, config).get("download", True):
        OmegaConf.update(stored, "data.download", False, force_add=True)
    check_config(stored)
    if begun.card and is_complete(stored, begun.card) and (directory / "result.json").is_file():
        raise InputError(
            f"{directory} has finished: {begun.card.epochs} epochs, {begun.card.steps} steps; nothing is left to resume"
        )
    return stored


def is_complete(config: DictConfig, card: Card) -> bool:
    """Return whether a training has come to its end, by the card of its last checkpoint."""
    epochs, steps = config.trainer.max_epochs, config.trainer.max_steps
    return card.epochs >= (epochs or sys.maxsize) or 0 < steps <= card.steps


def all_words(begun: BegunTraining) -> list[str]:
    """Return the training's first command, with what is changed on the way."""
    known = begun.overrides
    new = [word for word in task_overrides() if word not in known and not word.startswith(("resume=", "task="))]
    return [*known, *new]


def check_same_job(config: DictConfig, begun: DictConfig, directory: Path) -> None:
    stored, now = plain(begun), plain(config)
    if (deciding(stored), stored["seed"]) != (deciding(now), now["seed"]):
        raise InputError(
            f"{directory} holds another job; compare {directory}/config.yaml, or name a new directory: hydra.sweep.dir="
        )


def deciding(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decides a training but the seed: without where its data lie and how its progress is shown."""
    return {
        **{name: config[name] for name in DECIDING},
        "data": {**config["data"], "root": None, "workers": None, "download": None},
        "trainer": {**config["trainer"], "enable_progress_bar": None},
    }


def read_results(directory: Path) -> list[dict[str, Any]]:
    """Read `result.json` of a finished run, a result for each of its networks; raises `InputError` for other files."""
    path = directory / "result.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({' '.join(str(error).split())}); {MADE_ANEW}") from None
    results = content if isinstance(content, list) else [content]
    for result in results:
        needed = NEEDED | (OF_A_TEST if not isinstance(result, dict) or result.get("test_images") else {})
        if not isinstance(result, dict) or not all(isinstance(result.get(name), kind) for name, kind in needed.items()):
            raise InputError(f"{path} is no result of a run; {MADE_ANEW}")
    return results


def write_config(directory: Path, config: DictConfig, overrides: Sequence[str]) -> None:
    """Write `config.yaml`; its first line says the command's words."""
    write_text(directory / "config.yaml", f"{FIRST_LINE}{json.dumps(list(overrides))}\n{OmegaConf.to_yaml(config)}")


def read_config(directory: Path) -> tuple[DictConfig, list[str]]:
    """Read the config and the words; raises `InputError` for files that `write_config` did not write."""
    path = directory / "config.yaml"
    try:
        text = path.read_text(encoding="utf-8")
        config = OmegaConf.create(text)
        overrides = [str(word) for word in json.loads(text.splitlines()[0].removeprefix(FIRST_LINE))]
    except (OSError, ValueError, IndexError, TypeError, YAMLError) as error:
        raise InputError(f"{path} cannot be read ({' '.join(str(error).split())}); start anew") from None
    if not isinstance(config, DictConfig):
        raise InputError(f"{path} is no config of a training; start anew")
    return config, overrides
