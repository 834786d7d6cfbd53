"""A training as its run directory tells of it: its config and command, and how far it has come."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from gcm.error import InputError
from gcm.file import write_text
from gcm.zoo import Card, read_saved

FIRST_LINE = "# overrides: "


@dataclass(frozen=True)
class BegunTraining:
    """Attributes:
    config: of the training.
    overrides: what was written on its command line.
    card: of its last checkpoint; None: it was stopped before it had one.
    """

    config: DictConfig
    overrides: list[str]
    card: Card | None


def begun_training(directory: Path) -> BegunTraining | None:
    """From `last.ckpt`, or `config.yaml` where that is all there is; None where nothing was begun."""
    if (directory / "last.ckpt").is_file():
        saved = read_saved(directory / "last.ckpt")
        return BegunTraining(saved.config, list(saved.card.overrides), saved.card)
    if (directory / "config.yaml").is_file():
        return BegunTraining(*read_config(directory), card=None)
    return None


def write_config(directory: Path, config: DictConfig, overrides: Sequence[str]) -> None:
    """`config.yaml`; its first line says the command's words."""
    write_text(directory / "config.yaml", f"{FIRST_LINE}{json.dumps(list(overrides))}\n{OmegaConf.to_yaml(config)}")


def read_config(directory: Path) -> tuple[DictConfig, list[str]]:
    """The config and the words; raises `InputError` for what `write_config` did not write."""
    path = directory / "config.yaml"
    try:
        text = path.read_text(encoding="utf-8")
        config = OmegaConf.create(text)
        overrides = [str(word) for word in json.loads(text.splitlines()[0].removeprefix(FIRST_LINE))]
    except (OSError, ValueError, IndexError, TypeError) as error:
        raise InputError(f"{path} cannot be read ({' '.join(str(error).split())}); start anew") from None
    if not isinstance(config, DictConfig):
        raise InputError(f"{path} is no config of a training; start anew")
    return config, overrides
