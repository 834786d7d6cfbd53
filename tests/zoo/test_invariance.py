"""How images are batched, ordered and laid out, and how many threads work, changes neither accuracy nor maps."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy

import pytest
import torch
from shipped import NAMES, digits_like, fitting
from torch import Tensor

import gcm
from gcm.data import CIFAR10, MNIST, Digits
from gcm.model import Classifier
from gcm.study.predictions import split_logits
from gcm.visualizer import Visualizer

BOUND = 1e-5
"""Of a map's largest value."""
QUICK = ("gcm_digits", "tiny_lenet_mnist")
LESS = {"samples": 2, "steps": 2}
"""Settings that make slow visualizers quick."""
Explained = Callable[[Visualizer, Classifier, Tensor], Tensor]


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_two_threads(visualizer: Visualizer, network: Classifier, images: Tensor) -> Tensor:
    with threads(2):
        return visualizer(network, images).maps


def channels_last(visualizer: Visualizer, network: Classifier, images: Tensor) -> Tensor:
    copy = deepcopy(network).to(memory_format=torch.channels_last)
    return visualizer(copy, images.to(memory_format=torch.channels_last)).maps


def in_batches(size: int) -> Explained:
    return lambda visualizer, network, images: torch.cat(
        [visualizer(network, part).maps for part in images.split(size)]
    )


def in_another_order(visualizer: Visualizer, network: Classifier, images: Tensor) -> Tensor:
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    return visualizer(network, images[order]).maps[order.argsort()]


WAYS: dict[str, Explained] = {
    "one by one": in_batches(1),
    "batches of 3": in_batches(3),
    "order": in_another_order,
    "two threads": in_two_threads,
    "channels last": channels_last,
}


def deviation(maps: Tensor, others: Tensor) -> float:
    """Largest difference, in units of the largest value of the same image's maps."""
    differences, sizes = (values.abs().flatten(1).amax(1) for values in (maps - others, maps))
    return float((differences / sizes.clamp_min(torch.finfo(sizes.dtype).tiny)).max())


def networks(quick: tuple[str, ...]) -> list[object]:
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", networks(QUICK))
def test_maps(name, way):
    network = gcm.load(name)
    images = digits_like(network.spec, 8)
    for kind, visualizer in fitting(network, **LESS):
        found = deviation(visualizer(network, images).maps, WAYS[way](visualizer, network, images))
        assert found <= BOUND, (kind, found)


def data_of(network: Classifier):
    """The test set of a network's own data."""
    kinds = {"digits": Digits, "mnist": MNIST, "cifar10": CIFAR10}
    return kinds[network.card.data](root=os.environ.get("GCM_DATA", ""))


REAL = [pytest.param(name, marks=pytest.mark.real_data) for name in NAMES if name.endswith(("mnist", "cifar10"))]


@pytest.mark.parametrize("name", ["gcm_digits", "cnn_digits", *REAL])
def test_accuracy(name):
    network = gcm.load(name)
    split = data_of(network).test
    named = split_logits(None, network, split).argmax(1)
    assert torch.equal(split_logits(None, network, split, batch_size=7).argmax(1), named)
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))
    assert torch.equal(split_logits(None, network, split.subset(order)).argmax(1), named[order])
    with threads(2):
        assert torch.equal(split_logits(None, network, split).argmax(1), named)
    network.to(memory_format=torch.channels_last)
    assert torch.equal(split_logits(None, network, split).argmax(1), named)
