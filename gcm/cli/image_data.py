"""Data sets of a command, which show on the screen how reading them goes."""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig

from gcm.cli.console import BARS
from gcm.data import ImageData
from gcm.instantiate import instantiate


def image_data(settings: Mapping[str, Any] | DictConfig) -> ImageData:
    """Return the data set that settings describe; nothing is read yet."""
    data: ImageData = instantiate(settings, key="data")
    data.progress = BARS
    return data
