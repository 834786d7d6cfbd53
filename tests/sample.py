"""Small networks and images that the tests share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from gcm.data import ImageSpec
from gcm.instantiate import instantiate
from gcm.model import GCM, StochasticClassifier
from gcm.untrusted import ROOT_ANYWHERE
from gcm.visualizer import Visualizer

ROOT = Path(__file__).parent.parent
GREY = ImageSpec.of(1, 20, 4)


def images_of(spec: ImageSpec, count: int = 4, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(count, *spec.shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


def randomized(network: nn.Module) -> nn.Module:
    """Weights that keep signals alive through all layers; statistics and scales as trained networks have, none 0 or 1."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.weight, mean=1, std=0.3)
            nn.init.normal_(module.bias, std=0.3)
    return network


def content_of_checkpoint(network: GCM) -> dict[str, Any]:
    """What a checkpoint of a training says that others read, of a small network with widths 2, 3, 4."""
    return {
        "state_dict": {f"network.{name}": tensor for name, tensor in network.state_dict().items()},
        "loops": {"fit_loop": {"epoch_progress": {"current": {"processed": 1}}}},
        "global_step": 10,
        "callbacks": {},
        "gcm": {
            "config": {
                "model": {"_target_": "gcm.model.GCM", "widths": [2, 3, 4]},
                "data": {"_target_": "gcm.data.Digits", "root": ROOT_ANYWHERE},
                "names": {"model": "gcm", "data": "digits"},
            },
            "spec": network.spec.to_dict(),
            "seed": 0,
            "versions": {},
            "overrides": [],
            "machine": "",
            "training_seconds": 1.0,
        },
    }


SMALL = {
    "widths": (4, 6, 8),
    "filters": (4, 6),
    "hidden": 16,
    "samples": 2,
    "steps": 2,
    "backbone": "mobilenet_v3_small",
}
"""What makes a configured network or visualizer small, by the name of its parameter; of lists as many as there are."""
FAST = ("tiny_lenet", "lenet")
"""Networks that are small as they are configured."""
SLOW = ("gcm_backbone",)
"""Networks with a test file of their own, too large to be walked through by every visualizer."""


def settings_in(path: Path) -> dict[str, Any]:
    settings: Any = OmegaConf.to_container(OmegaConf.load(path))
    return dict(settings)


def configured(group: str) -> dict[str, dict[str, Any]]:
    """The settings of every member of a config group, by name: of each file that names a class."""
    found = {}
    for path in sorted((ROOT / "configs" / group).glob("*.yaml")):
        config = settings_in(path)
        for parent in (choice for choice in config.get("defaults", []) if isinstance(choice, str)):
            config = settings_in(path.with_name(f"{parent}.yaml")) | config
        parts = {path.stem: config} if "_target_" in config else config
        found |= {
            name: {key: value for key, value in part.items() if key != "defaults"}
            for name, part in parts.items()
            if name != "defaults"
        }
    return dict(sorted(found.items()))


def small(settings: dict[str, Any]) -> dict[str, Any]:
    """The same settings, but of a small network or a quick visualizer."""
    smaller = {
        name: list(SMALL[name][: len(value)]) if isinstance(value, list) and len(value) <= 3 else SMALL[name]
        for name, value in settings.items()
        if name in SMALL
    }
    return settings | smaller


def network_of(settings: dict[str, Any]) -> Callable[[ImageSpec], nn.Module]:
    return lambda spec: instantiate(settings, spec, key="model")


MODELS = {
    name: network_of(settings if name in FAST else small(settings))
    for name, settings in configured("model").items()
    if name not in SLOW
}
STOCHASTIC = {name: build for name, build in MODELS.items() if isinstance(build(GREY), StochasticClassifier)}
"""Networks that are other networks in each pass, small."""
NETWORKS: dict[str, Callable[[ImageSpec], nn.Module]] = {
    **{name: build for name, build in MODELS.items() if name not in STOCHASTIC},
    "gcm_per_class": lambda spec: GCM(spec, widths=(4, 6, 8), shared_depth=1),
}
"""Every configured network, small, and what else is another way through the code."""
VISUALIZERS: dict[str, Visualizer] = {
    name: instantiate(small(settings), key=f"visualizer.{name}") for name, settings in configured("visualizer").items()
}
"""Every configured visualizer, quick."""
