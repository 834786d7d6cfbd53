"""The shipped networks with images that they take, and every visualizer that can be configured."""

from functools import cache

import pytest
import torch
from _pytest.mark import ParameterSet
from sample import configured
from torch import Tensor
from torch.nn import functional as F

import gcm
from gcm.data import Digits, ImageSpec
from gcm.instantiate import instantiate
from gcm.model import Classifier
from gcm.visualizer import Visualizer

NAMES = gcm.list_models()
KINDS = {type(gcm.load(name)): name for name in reversed(NAMES)}
"""The first network of each kind by its class."""


def networks(*quick: str) -> list[ParameterSet | str]:
    """For tests of every network: some are quick, one of each kind is slow, and all others wait for `--trials`."""
    alike = pytest.mark.skipif("not config.getoption('--trials')", reason="like another network; runs with --trials")
    return [
        name
        if name in quick
        else pytest.param(name, marks=[pytest.mark.slow, *([] if name in KINDS.values() else [alike])])
        for name in NAMES
    ]


def visualizers(**settings: object) -> dict[str, Visualizer]:
    """Every configured visualizer; `settings` replace those that it has."""
    return {
        name: instantiate(own | {key: value for key, value in settings.items() if key in own}, key=f"visualizer.{name}")
        for name, own in configured("visualizer").items()
    }


def fitting(network: Classifier) -> dict[str, Visualizer]:
    """Those that fit the network, with settings that make slow ones quick."""
    quick = visualizers(samples=2, steps=2, patch=network.spec.height // 2)
    return {name: visualizer for name, visualizer in quick.items() if not visualizer.misfit(network)}


@cache
def digits_like(spec: ImageSpec, count: int) -> Tensor:
    """Embedded digits in the shape of a network's images, `(B,C,H,W)` in [0,1], on a ground of noise."""
    images = Digits().test[torch.arange(count)][0].float() / 255
    resized = F.interpolate(images, (spec.height, spec.width), mode="bilinear", align_corners=False)
    ground = torch.rand(count, *spec.shape, generator=torch.Generator().manual_seed(0)) / 4
    return (resized * (1 - ground) + ground).contiguous()
