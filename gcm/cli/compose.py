"""Configs of other commands than the one that was typed."""

from collections.abc import Sequence

from hydra import compose
from omegaconf import DictConfig, open_dict

from gcm.cli.settings import check_config, fix_root


def composed(words: Sequence[str]) -> DictConfig:
    """Return what the command line `gcm WORDS` would give, checked."""
    config = compose("train", list(words), return_hydra_config=True)
    choices = config.hydra.runtime.choices
    with open_dict(config):
        config.names = {group: choices[group] for group in ("task", "data", "model")}
        config.pop("hydra")
    check_config(config)
    fix_root(config.data)
    return config
