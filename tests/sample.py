"""Small networks and images that the tests share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gcm.data import ImageSpec
from gcm.model import CNN, GCM, BayesianCNN, LabCNN, LeNet, MCDropoutCNN
from gcm.untrusted import ROOT_ANYWHERE

ROOT = Path(__file__).parent.parent


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


NETWORKS: dict[str, Callable[[ImageSpec], nn.Module]] = {
    "gcm": lambda spec: GCM(spec, widths=(4, 6, 8)),
    "gcm_per_class": lambda spec: GCM(spec, widths=(4, 6, 8), shared_depth=1),
    "gcm_clipped": lambda spec: GCM(spec, widths=(4, 6, 8), clipped=True),
    "cnn": lambda spec: CNN(spec, widths=(4, 6, 8)),
    "tiny_lenet": LeNet,
    "lenet": lambda spec: LeNet(spec, (6, 16)),
    "lab_cnn": lambda spec: LabCNN(spec, (4, 6), hidden=16),
}
STOCHASTIC: dict[str, Callable[[ImageSpec], nn.Module]] = {
    "mc_dropout_cnn": lambda spec: MCDropoutCNN(spec, (4, 6), hidden=16),
    "bayesian_cnn": lambda spec: BayesianCNN(spec, (4, 6), hidden=16),
}
