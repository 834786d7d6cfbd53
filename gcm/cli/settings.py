"""The settings that stand at the top of the command line, and the check of all others before any work begins."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from gcm.cli.declaration import EVERYWHERE, TRAINING_SETTINGS, declarations, readers_of
from gcm.command import command_name
from gcm.data import ImageFolder, ImageSpec
from gcm.error import InputError, listed
from gcm.instantiate import check_settings, check_type, instantiate, plain, resolve, unknown_key
from gcm.types import OF_LIBRARIES, Count, PositiveCount, Seed, Share, ShareBelowOne
from gcm.untrusted import ROOT_ANYWHERE, check_interpolations


@dataclass(frozen=True, kw_only=True)
class ClaimedAccuracy:
    """An accuracy that a paper claims.

    Attributes:
        accuracy: the accuracy that it gives for the network.
        source: the paper, and where in it.
    """

    accuracy: Share
    source: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings stand at the top of the command line; `configs/train.yaml` explains them line by line."""

    seed: Seed
    weights: str | list[str] | None
    resume: str | None
    indices: list[Count] | None
    label: int | str | None
    start: Count
    count: PositiveCount
    output: str | None
    channels_last: bool
    compile: bool
    tensorboard: bool
    label_smoothing: ShareBelowOne
    claim: ClaimedAccuracy | None


@dataclass(frozen=True, kw_only=True)
class CheckpointSettings:
    """Settings of the checkpoints that a training keeps.

    Attributes:
        every_n_steps: optimizer steps between checkpoints besides `best` and `last`; null: none.
    """

    every_n_steps: PositiveCount | None


SECTIONS = (
    "data", "model", "optimizer", "schedule", "trainer", "checkpoint", "visualizer", "rendering", "metric",
    "task", "experiment", "sweep", "hydra",
)  # fmt: skip
"""The parts of the config that are no single settings."""
STAND_IN = ImageSpec.of(channels=3, size=224, classes=10)
"""Images by which a model's settings are checked before any data are read."""
REFUSED_BY_VALUE = ("weights", "resume", "indices", "label")
"""Settings of which null says that nobody set them."""
GIVEN_BY_US = {"data": 0, "model": 1, "optimizer": 1, "schedule": 2}
"""The number of arguments of a section's class that come from the program and not from the config."""


def settings_of(config: DictConfig) -> Settings:
    return Settings(**{field.name: getattr(config, field.name) for field in fields(Settings)})


def check_config(config: DictConfig) -> None:
    """Raise `InputError` for the first setting that is unknown, has the wrong type or does not go with the others.

    Only settings that the task reads are looked at. Nothing is read or written, no weight takes memory.
    """
    declaration = declarations()[config.names.task]
    if declaration.trains:  # or the network could not be read again
        check_interpolations(OmegaConf.to_container(config))
    parts = plain(config)
    check_settings(Settings, {field.name: parts[field.name] for field in fields(Settings)}, given=0, key="")
    check_section(chosen_part(parts, "task"), "task", given=1)
    for section in ("visualizer", "rendering", "metric"):
        for name in chosen_part(parts, section) if declaration.uses(section) else ():
            instantiate(chosen_part(parts[section], name), key=f"{section}.{name}")
    for name, kind in OF_LIBRARIES["trainer"].items():  # here, since Lightning takes a second to import
        if name in parts["trainer"]:
            check_type(kind, parts["trainer"][name], f"trainer.{name}")
    if declaration.uses("model"):
        check_training(parts)
    if declaration.trains:
        from gcm.training.trainer import check_trainer

        check_trainer(config.trainer)


def check_training(parts: Mapping[str, Any]) -> None:
    """Raise `InputError` for settings that only trainings read; others test networks on data that these know of."""
    instantiate(chosen_part(parts, "data"), key="data")
    check_settings(CheckpointSettings, chosen_part(parts, "checkpoint"), given=0, key="checkpoint")
    check_section(chosen_part(parts, "model"), "model", GIVEN_BY_US["model"])
    check_model(parts["model"])
    group = {"params": [torch.nn.Parameter(torch.zeros(1))], "weight_decay": 0.0}
    optimizer = instantiate(chosen_part(parts, "optimizer"), [group], key="optimizer")
    instantiate(chosen_part(parts, "schedule"), optimizer, 100, key="schedule")


def fix_root(data: DictConfig) -> None:
    """Make the `root` of data absolute, so that a later command means the same images wherever it is typed.

    Where the environment says it, it stays so: what is published is the same everywhere. Not so people's own images.
    """
    if "of" in data:
        fix_root(data.of)
    root = OmegaConf.to_container(data).get("root")  # type: ignore[union-attr]
    if root and (root != ROOT_ANYWHERE or issubclass(resolve(data, "data"), ImageFolder)):
        data.root = absolute(data.root)


def absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def check_model(model: Mapping[str, Any]) -> None:
    """Raise `InputError` unless the model can be made for some images."""
    untrained = {name: value for name, value in model.items() if name != "pretrained"}
    with torch.device("meta"):
        instantiate(untrained, STAND_IN, key="model")


def chosen_part(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = config.get(name)
    if not part or not isinstance(part, dict):
        raise InputError(f"{name} must be chosen; got {part!r}. {command_name()} --help shows the choices")
    return part


def known_keys(config: DictConfig) -> list[str]:
    """Return all settings that trainings, evaluations and the task have, by their full keys."""
    found: list[str] = []
    for section in ("trainer", "data", "model", "optimizer", "schedule", "checkpoint", "task"):
        part = config.get(section)
        found += [f"{section}.{name!s}" for name in part] if isinstance(part, DictConfig) else []
    from gcm.training.trainer_setting import TAKEN

    added = [f"+trainer.{name}" for name in sorted(TAKEN) if f"trainer.{name}" not in found]
    return [*(field.name for field in fields(Settings)), *found, *added]


def refuse_added(config: DictConfig) -> None:
    """Raise `InputError` for what `+` adds beside the sections, where nobody looks at it."""
    added = [word.lstrip("+").split("=")[0] for word in task_overrides() if word.startswith("+")]
    filled_in = re.findall(r"\$\{(\w+)", str(OmegaConf.to_container(config.task, resolve=False)))
    ours = {field.name for field in fields(Settings)} | set(SECTIONS) | set(filled_in)
    for key in added:
        name = re.split(r"[.@/]", key)[0]
        if name not in ours:
            raise unknown_key(key, name, ours, known_keys(config))


def refuse_unread(config: DictConfig) -> None:
    """Raise `InputError` for settings that the task does not look at, rather than pass over them in silence."""
    task = chosen("task")
    declaration = declarations()[task]
    for key in overridden_keys():
        if not declaration.uses(key) and key not in ("weights", "resume"):
            raise InputError(
                f"task={task} does not use {key}=; leave it out, or choose one of task={listed(readers_of(key))}"
            )
    for name in REFUSED_BY_VALUE:
        if not declaration.uses(name) and config[name] is not None:
            raise InputError(f"task={task} does not use {name}=; leave it out or choose another task")
    if declaration.own_data:
        refuse_other_data()


def refuse_of_trainings() -> None:
    """Raise `InputError` for settings of trainings, where a task that may train does not."""
    for key in overridden_keys():
        section, _, name = key.partition(".")
        if section in TRAINING_SETTINGS and not (section == "trainer" and name in EVERYWHERE):
            raise InputError(f"task={chosen('task')} does not use {key}=; leave it out or choose another task")


def refuse_other_data() -> None:
    """Raise `InputError` where the command line changes more of a network's data than where they lie."""
    for key in overridden_keys():
        if key == "data" or (key.startswith("data.") and key not in ("data.root", "data.workers")):
            raise InputError(f"task={chosen('task')} tests on the training's own data; leave out {key}=")


def check_section(section: Mapping[str, Any], key: str, given: int) -> None:
    check_settings(resolve(section, key), section, given, key)


def task_overrides() -> list[str]:
    """Return what the user wrote on the command line, such as `model=gcm` and `data.root=/data`."""
    return list(HydraConfig.get().overrides.task)


def chosen(group: str) -> str:
    """Return the choice made in a config group."""
    return str(HydraConfig.get().runtime.choices[group])


def overridden_keys() -> list[str]:
    """Return which settings the user wrote, such as `model` and `data.root`."""
    return [override.split("=")[0].lstrip("+~") for override in task_overrides()]


def with_overrides(stored: DictConfig, config: DictConfig, section: str) -> DictConfig:
    """Return a section of a stored config, with what the command line of today says of it."""
    keys = overridden_keys()
    if section in keys and config.names[section] != stored.names[section]:
        other: DictConfig = config[section]
        return other
    part: DictConfig = OmegaConf.merge(stored[section])  # type: ignore[assignment]
    for key in keys:
        if key.startswith(section + "."):
            OmegaConf.update(part, key.removeprefix(section + "."), OmegaConf.select(config, key), force_add=True)
    return part


def only_read(data: Mapping[str, Any], config: DictConfig) -> dict[str, Any]:
    """Return settings of data that somebody else may have chosen.

    Nothing is downloaded to where they say, only to where today's command line does.
    """
    settings = {name: only_read(part, config) if name == "of" else part for name, part in plain(data).items()}
    today = OmegaConf.select(config, "data.root")
    named_today = "root" not in settings or (today is not None and absolute(str(settings["root"])) == absolute(today))
    return settings if named_today else {**settings, "download": False}
