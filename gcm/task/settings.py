"""The settings that stand at the top of the command line, and the check of all others before any work begins."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from gcm.build import check_settings, resolve
from gcm.setting import Count, PositiveCount, ShareBelowOne


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What `configs/train.yaml` explains, line by line."""

    seed: Count
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


@dataclass(frozen=True, kw_only=True)
class CheckpointSettings:
    """Attributes:
    every_n_steps: keep a checkpoint every so many optimizer steps besides `best` and `last`; null: none.
    """

    every_n_steps: PositiveCount | None


GIVEN_BY_US = {"data": 0, "model": 1, "optimizer": 1, "schedule": 2, "metric": 0}
"""How many arguments of a section's class come from the program and not from the config."""


def settings_of(config: DictConfig) -> Settings:
    return Settings(**{field.name: getattr(config, field.name) for field in fields(Settings)})


def check_config(config: DictConfig) -> None:
    """Raise `InputError` for the first setting that is unknown or has the wrong type, anywhere in the config."""
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    check_settings(Settings, {field.name: plain[field.name] for field in fields(Settings)}, given=0, key="")
    check_settings(CheckpointSettings, plain["checkpoint"], given=0, key="checkpoint")
    for section, given in GIVEN_BY_US.items():
        check_section(plain[section], section, given)
    for section in ("visualizer", "rendering"):
        for name, part in plain[section].items():
            check_section(part, f"{section}.{name}", given=0)
    check_section(plain["task"], "task", given=1)


def check_section(section: Mapping[str, Any], key: str, given: int) -> None:
    check_settings(resolve(section, key), section, given, key)


def task_overrides() -> list[str]:
    """What the user wrote on the command line: `model=gcm`, `data.root=/data`, …"""
    return list(HydraConfig.get().overrides.task)


def chosen(group: str) -> str:
    """The choice made in a config group."""
    return str(HydraConfig.get().runtime.choices[group])


def overridden_keys() -> list[str]:
    """Which settings that were: `model`, `data.root`, …"""
    return [override.split("=")[0].lstrip("+~") for override in task_overrides()]


def with_overrides(stored: DictConfig, config: DictConfig, section: str) -> DictConfig:
    """A section of a stored config, with what the command line of today says of it."""
    keys = overridden_keys()
    if section in keys:
        chosen: DictConfig = config[section]
        return chosen
    part: DictConfig = OmegaConf.merge(stored[section])  # type: ignore[assignment]
    for key in keys:
        if key.startswith(section + "."):
            OmegaConf.update(part, key.removeprefix(section + "."), OmegaConf.select(config, key), force_add=True)
    return part
