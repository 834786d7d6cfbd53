"""Measurements over whole test sets, on cases computed by hand."""

import pytest
import torch

from gcm.data import ImageSpec, MemorySplit
from gcm.model import GCM
from gcm.study.accuracy.predictions import accuracy_difference, split_logits
from gcm.study.contribution_mass.numbers import contribution_mass, mass_of_true_and_wrong
from gcm.study.speed.numbers import time_ratio

SPEC = ImageSpec.of(3, 16, 4)


def split_of(count):
    images = torch.randint(0, 256, (count, *SPEC.shape), dtype=torch.uint8)
    return MemorySplit(images, torch.arange(count) % 4)


def test_masses_of_true_and_wrong_by_hand():
    positive = torch.tensor([[4.0, 1.0, 3.0], [2.0, 6.0, 0.0]])
    absolute = torch.tensor([[5.0, 2.0, 4.0], [2.0, 7.0, 1.0]])
    labels = torch.tensor([0, 1])
    found = mass_of_true_and_wrong(torch.stack([positive, absolute]), labels)
    assert found.tolist() == [[10, 3], [12, 4.5]]  # wrong: (1+3)/2 + (2+0)/2, and (2+4)/2 + (2+1)/2


def test_masses_of_a_network_are_those_of_its_contribution_maps():
    network, split = GCM(SPEC, widths=(2, 3, 4)).eval(), split_of(10)
    mass = contribution_mass(network, split, batch_size=3)
    with torch.no_grad():
        maps = network.class_contribution_maps(split.images.float() / 255)
    positive = maps.clamp_min(0).mean((2, 3, 4))
    is_true = torch.nn.functional.one_hot(split.labels, 4).bool()
    assert mass.true_positive == pytest.approx(positive[is_true].mean().item(), rel=1e-5)
    assert mass.wrong_positive == pytest.approx(positive[~is_true].mean().item(), rel=1e-5)
    assert mass.wrong_absolute == pytest.approx(maps.abs().mean((2, 3, 4))[~is_true].mean().item(), rel=1e-5)
    assert mass.n == 10


def test_logits_are_those_of_the_images_in_order():
    network, split = GCM(SPEC, widths=(2, 3, 4)).eval(), split_of(7)
    with torch.no_grad():
        expected = network(split.images.float() / 255)
    torch.testing.assert_close(split_logits(network, split, batch_size=3), expected)


def test_only_images_on_which_two_networks_differ_make_a_difference():
    first = torch.tensor([True] * 60 + [True] * 30 + [False] * 10)
    second = torch.tensor([True] * 60 + [False] * 30 + [True] * 10)
    difference = accuracy_difference(first, second)
    assert difference.value == pytest.approx(0.2)
    assert difference.high - difference.value == pytest.approx(1.96 * (0.4 - 0.04) ** 0.5 / 10)
    assert accuracy_difference(first, first) == (0, 0, 0)


def test_time_is_compared_in_turns(monkeypatch):
    clock, calls = [0.0], []
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])

    def taking(name, seconds):
        def action():
            calls.append(name)
            clock[0] += seconds

        return action

    ratio = time_ratio(taking("slow", 3.0), taking("fast", 2.0), rounds=5)
    assert ratio == (1.5, 1.5, 1.5, 5)
    assert calls == ["slow", "fast"] * 7
