"""Learning rates and weight decay."""

import pytest
import torch
from omegaconf import OmegaConf

from gcm.data import ImageSpec
from gcm.model import GCM
from gcm.training.module import parameter_groups
from gcm.training.schedule import constant, one_cycle


def rates(schedule, steps=100):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler = schedule(optimizer, steps)
    values = []
    for _ in range(steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step() if len(values) < steps else None
    return values


def test_one_cycle_rises_to_the_peak_and_falls_to_nothing():
    values = rates(one_cycle)
    assert values[0] == pytest.approx(0.5 / 25)
    assert max(values) == 0.5
    assert values.index(max(values)) in (29, 30)
    assert values[-1] < 1e-4


def test_constant_stays():
    assert set(rates(constant)) == {0.5}


def test_weight_decay_acts_on_weights_only():
    network = GCM(ImageSpec.of(3, 32, 10))
    decayed, spared = parameter_groups(network, OmegaConf.create({"weight_decay": 0.1}))
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0)
    assert {parameter.ndim for parameter in decayed["params"]} == {4}
    assert {parameter.ndim for parameter in spared["params"]} == {1}
    assert len(decayed["params"]) + len(spared["params"]) == len(list(network.parameters()))
