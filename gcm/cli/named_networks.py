"""Finished networks, and the data they were trained on, are named by `weights=`."""

from collections.abc import Sequence
from copy import copy

import torch
from omegaconf import DictConfig

from gcm.cli.image_data import image_data
from gcm.cli.settings import only_read, settings_of, with_overrides
from gcm.command import command_name
from gcm.data import Grid, ImageData
from gcm.error import InputError, listed
from gcm.zoo import SavedNetwork, read_saved

TEST_SPLIT_KEYS = ("root", "size", "channels", "test_share", "split_seed", "folders")
"""The settings that decide which test images an image folder gives, and in what shape."""


def named_networks(config: DictConfig) -> list[SavedNetwork]:
    """Return the networks in `weights=`, one or several; all of the same data set."""
    named = settings_of(config).weights
    if not named:
        raise InputError(
            f"task={config.names.task} needs weights=RUN, a run directory or checkpoint; "
            f"make one with: {command_name()} task=train"
        )
    networks = [read_saved(where) for where in ([named] if isinstance(named, str) else named)]
    sets = {saved.card.data for saved in networks}
    if len(sets) > 1:
        raise InputError(f"weights= must be trained on one data set, got {listed(sorted(sets))}")
    return networks


def distinct_names(networks: Sequence[SavedNetwork]) -> list[str]:
    """Return a name for each network: its model; with the seed, or at last the path, where these are not enough."""
    models = [saved.card.architecture for saved in networks]
    seeded = [f"{model}_seed{saved.card.seed}" for model, saved in zip(models, networks, strict=True)]
    paths = [str(saved.path) for saved in networks]
    return next(names for names in (models, seeded, paths) if len(set(names)) == len(names) or names is paths)


def named_network(config: DictConfig) -> SavedNetwork:
    networks = named_networks(config)
    if len(networks) > 1:
        raise InputError(f"task={config.names.task} looks at one network, got {len(networks)} in weights=")
    return networks[0]


def named_data(config: DictConfig, networks: Sequence[SavedNetwork], one_label: bool = True) -> ImageData:
    """Return the networks' own data set, unless the command line says otherwise; it must have their channels and
    classes.

    `one_label`: whether the task needs images that show one class.
    """
    chosen = with_overrides(networks[0].config, config, "data")
    data = image_data(only_read(chosen, config))
    if one_label and isinstance(data, Grid):
        raise InputError("an image of data=grid shows several classes; only task=faithfulness and explain take it")
    for saved in networks:
        check_fits(saved, data)
        other = with_overrides(saved.config, config, "data")
        differing = [key for key in TEST_SPLIT_KEYS if chosen.get(key) != other.get(key)]
        if "test_share" in chosen and differing:
            raise InputError(f"weights= must be tested on the same images; their data differ in {listed(differing)}")
    return data


def with_first(data: ImageData, images: int | None) -> ImageData:
    """Return the data with the first so many test images alone; None: with all."""
    if images is None:
        return data
    if images > len(data.test):
        raise InputError(f"task.images must be 1 to {len(data.test)}, the test images there are; got {images}")
    fewer = copy(data)
    fewer.test = data.test.subset(torch.arange(images))
    return fewer


def check_fits(saved: SavedNetwork, data: ImageData) -> None:
    """Raise `InputError` unless the data have the channels and classes that the network was trained on."""
    images, _ = data.test[torch.arange(1)]
    spec, channels, classes = saved.card.spec, images.shape[1], data.class_names()
    if (channels, classes) != (spec.channels, spec.classes):
        raise InputError(
            f"{saved.path} was trained on {spec.channels} channels and classes {listed(spec.classes)}; "
            f"{data.name} has {channels} and {listed(classes)}"
        )
