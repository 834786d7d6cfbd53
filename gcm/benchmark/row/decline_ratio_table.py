"""The whole decline-ratio table of five visualizers in four renderings, slice by slice of the test images."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gcm.benchmark import peer
from gcm.benchmark.base import Amount, Comparison, at_least, at_most
from gcm.benchmark.memory import peak
from gcm.benchmark.new_process import in_new_process
from gcm.benchmark.setting import Setting
from gcm.data import MemorySplit, Split, as_pixels
from gcm.metric import DeclineRatio
from gcm.model import PooledClassifier
from gcm.rendering import Absolute, Blend, Product, Raw, Rendering
from gcm.study.decline_ratio.numbers import decline_ratio_cells
from gcm.study.speed.numbers import seconds
from gcm.visualizer import GradCAM, GuidedBackprop, GuidedGradCAM, InputXGradient, Saliency, Visualizer
from gcm.zoo import load

SLICE = 2000
FEW, MANY = 250, 1000
MOST_MEMORY = 1500.0
VISUALIZERS: Mapping[str, Visualizer] = {
    "grad_cam": GradCAM(),
    "guided_backprop": GuidedBackprop(),
    "guided_grad_cam": GuidedGradCAM(),
    "saliency": Saliency(),
    "input_x_gradient": InputXGradient(),
}
PEERS: Mapping[str, Callable[[PooledClassifier, Tensor], peer.Maps]] = {
    "grad_cam": peer.captum_grad_cam,
    "guided_backprop": peer.captum_guided_backprop,
    "guided_grad_cam": peer.captum_guided_grad_cam,
    "saliency": peer.captum_saliency,
    "input_x_gradient": peer.captum_input_x_gradient,
}
RENDERINGS: Mapping[str, Rendering] = {"raw": Raw(), "absolute": Absolute(), "blend": Blend(), "product": Product()}
Table = dict[tuple[str, str], float]
"""Decline ratios by visualizer and rendering."""


def decline_ratio_table(setting: Setting) -> Iterator[Comparison]:
    libraries = peer.for_libraries(setting.cnn)
    found, by_captum = (partial(table, setting.cnn), partial(table_by_captum, libraries))
    first = setting.test.subset(torch.arange(setting.batch_size))
    ours, others = found(first, setting.batch_size), by_captum(first, setting.batch_size)
    differing = sum(ours[cell] != others[cell] for cell in ours)
    yield Comparison(
        f"decline-ratio table, {min(SLICE, len(setting.test)):,} images a round",
        "the same from captum's maps, class by class",
        slices(found, setting),
        slices(by_captum, setting),
        at_least(3),
        note=f"{differing} of {len(ours)} cells differ on the first {setting.batch_size} images",
    )
    assert setting.cnn.card is not None
    memory = partial(in_new_process, memory_of, setting.cnn.card.name)
    images = setting.test[torch.arange(min(MANY, len(setting.test)))][0].numpy()
    many, few = (partial(memory, part, setting.batch_size) for part in (images, images[:FEW]))
    what = f"peak memory of a process, {len(images):,} images"
    yield Comparison(what, f"{MOST_MEMORY:,.0f} MiB", many, lambda: MOST_MEMORY, at_most(1), "MiB")
    yield Comparison(what, f"{FEW} images", many, few, at_most(1.05), "MiB")


def table(network: PooledClassifier, split: Split, batch_size: int) -> Table:
    cells = decline_ratio_cells("cnn", network, VISUALIZERS, RENDERINGS, DeclineRatio, split, batch_size)
    return {(cell.visualizer, cell.rendering): cell.decline.ratio for cell in cells if cell.decline}


def table_by_captum(network: PooledClassifier, split: Split, batch_size: int) -> Table:
    metrics = {(name, rendering): DeclineRatio() for name in PEERS for rendering in RENDERINGS}
    for indices in torch.arange(len(split)).split(batch_size):
        images, labels = split[indices]
        pixels = as_pixels(images, "cpu")
        with torch.no_grad():
            logits = network(pixels)
        for name, method in PEERS.items():
            maps = method(network, pixels.clone())().detach()
            for rendering, render in RENDERINGS.items():
                metrics[name, rendering].update(render(maps, pixels), logits, labels)
    return {cell: metric.compute().ratio for cell, metric in metrics.items()}


def slices(job: Callable[[Split, int], object], setting: Setting) -> Amount:
    """Return a job that takes the next slice of the test images at each call, and after the last the first again."""
    parts = torch.arange(len(setting.test)).split(SLICE)
    calls = count()
    return lambda: seconds(lambda: job(setting.test.subset(parts[next(calls) % len(parts)]), setting.batch_size))


def memory_of(name: str, images: "np.ndarray[Any, Any]", batch_size: int) -> float:
    split = MemorySplit(torch.from_numpy(images), torch.zeros(len(images), dtype=torch.long))
    network = load(name)
    assert isinstance(network, PooledClassifier)
    table(network, split, batch_size)
    return peak()
