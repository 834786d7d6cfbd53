"""A training's length is fitted to the number of its images, where it is left open."""

from math import ceil

from omegaconf import DictConfig, OmegaConf

from gcm.cli.console import say, say_once
from gcm.data import ImageData
from gcm.error import listed

EPOCHS = 15
"""The epochs, as in `configs/trainer/default.yaml`, where these are steps enough."""
STEPS = 1200
FEW_STEPS = 100
"""Steps below which a network may have learned nothing; batch normalization's statistics alone take dozens."""


def fitted(config: DictConfig, data: ImageData) -> DictConfig:
    """Return the config with its null settings chosen for the training images, in `data`, too; say what was chosen."""
    of_data = data.chosen()
    for name, value in of_data.items():
        setattr(data, name, value)
    chosen = {f"data.{name}": value for name, value in of_data.items()}
    if config.trainer.max_epochs is None and config.trainer.max_steps == -1:
        chosen["trainer.max_epochs"] = max(EPOCHS, ceil(STEPS / data.batches_in_epoch))
    if not chosen:
        return config
    config = config.copy()
    for key, value in chosen.items():
        OmegaConf.update(config, key, value, force_add=True)
    said = listed(f"{key}={value}" for key, value in chosen.items())
    say_once(f"chosen for {len(data.train):,} training images: {said}")
    return config


def as_begun(config: DictConfig, begun: DictConfig) -> DictConfig:
    """Return the config with its null settings as they were chosen when the training began."""
    config = config.copy()
    for section in ("data", "trainer"):
        for name, value in config[section].items():
            if value is None and name in begun[section]:
                config[section][name] = begun[section][name]
    return config


def say_if_short(steps: int, data: ImageData) -> None:
    if steps < FEW_STEPS:
        say(
            f"a short training: {steps} step{'s' if steps != 1 else ''} of up to {data.batch_size} images; more with "
            "trainer.max_epochs=, or a smaller data.batch_size="
        )
