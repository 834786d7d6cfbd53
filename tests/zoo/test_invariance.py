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
from gcm.data import CIFAR10, MNIST, Digits, as_pixels
from gcm.model import Classifier
from gcm.study.predictions import split_logits
from gcm.visualizer import Visualizer

BOUND = 1e-5
"""Of a map's largest value."""
QUICK = ("gcm_digits", "cnn_digits", "tiny_lenet_mnist")
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
