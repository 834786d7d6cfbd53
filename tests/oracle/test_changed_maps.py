"""Measures that change images or networks equal their definitions: stability, cascading randomisation, grids."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import metric as by_hand
from oracle.case import assert_same, few, gcms, lenets, seeds
from oracle.network import lenet
from torch import nn

from gcm.data.grid import cell_places
from gcm.data.loader import seeded_generator
from gcm.metric import ExplainedBatch, Randomization, Stability
from gcm.metric.map_metric import maps_of
from gcm.metric.randomization import cascade
from gcm.visualizer import Saliency


def shown_saliency(case):
    """All classes' gradients; a measure takes the predicted one."""
    logits = case.network(case.images).detach()
    classes = torch.arange(logits.shape[1]).flip(0).expand(len(logits), -1)
    maps = maps_of(Saliency(), case.network, case.images, classes)
    return ExplainedBatch(Saliency(), case.network, case.images, None, logits, classes, maps)


def predicted_map(network, image, k):
    """The gradient, its channels added up."""
    return network.gradient(image, k).sum(0)


@few
@given(st.one_of(lenets(), gcms()), seeds)
def test_stability(case, seed):
    metric = Stability(deviation=0.3, draws=3, seed=seed)
    metric.update_with(shown_saliency(case))
    noise = torch.randn(3, *case.images.shape[1:], generator=seeded_generator("cpu", seed)).double().numpy()
    expected = []
    for image in case.arrays:
        k = int(np.argmax(case.oracle.logits(image)))
        here = predicted_map(case.oracle, image, k)
        others = [predicted_map(case.oracle, np.clip(image + 0.3 * draw, 0, 1), k) for draw in noise]
        expected.append(np.mean([by_hand.relative_change(here, other) for other in others]))
    assert_same(metric.per_image(), expected)


@few
@given(lenets(), seeds)
def test_cascading_randomisation(case, seed):
    """From the last layer to the first, each copy with one more drawn anew; mean of |Spearman's correlation|."""
    copies = cascade(case.network, seed)
    names, before = ["linear", "convolution2", "convolution1"], case.network.state_dict()
    assert len(copies) == len(names)
    for count, copy in enumerate(copies, start=1):
        same = [torch.equal(copy.state_dict()[f"{name}.weight"], before[f"{name}.weight"]) for name in names]
        assert same == [place >= count for place in range(3)]
    metric = Randomization(seed=seed)
    metric.update_with(shown_saliency(case))
    expected = []
    for image in case.arrays:
        k = int(np.argmax(case.oracle.logits(image)))
        here = predicted_map(case.oracle, image, k).flatten()
        others = [predicted_map(lenet(copy), image, k).flatten() for copy in copies]
        expected.append(np.mean([by_hand.rank_correlation(here, other) for other in others]))
    assert_same(metric.per_image(), expected, 1e-6)  # a rank more or less where a gradient is 0 but for rounding


def test_new_weights_are_drawn_as_at_the_start_and_batch_norms_are_new():
    network = nn.Sequential(nn.Conv2d(1, 400, 3), nn.BatchNorm2d(400), nn.ReLU(), nn.Flatten(), nn.Linear(400, 2))
    nn.init.constant_(network[0].weight, 7)
    nn.init.constant_(network[1].running_mean, 7)
    last, both = cascade(network, 0)
    assert (last[0].weight == 7).all()
    assert not both[1].running_mean.any()
    limit = 1 / 3  # of the uniform distribution that PyTorch draws from: 1 / sqrt(9 inputs)
    drawn = both[0].weight.detach().flatten()
    assert 0.99 * limit < drawn.abs().max() <= limit
    assert abs(drawn.mean()) < 5 * limit / (3 * len(drawn)) ** 0.5


@few
@given(st.integers(2, 3), seeds)
def test_places_of_a_grid(rows, seed):
    shown = torch.rand(2, 10, generator=torch.Generator().manual_seed(seed)).argsort(1)[:, : rows**2]
    found = cell_places(shown, 10, rows, 3, 2)
    for image, k, r, c in np.ndindex(2, 10, 3 * rows, 2 * rows):
        assert found[image, k, r, c] == (shown[image, (r // 3) * rows + c // 2] == k)
