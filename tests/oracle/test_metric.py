"""Metrics equal their definitions, on maps that networks would give and on maps full of ties and zeros."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import metric as by_hand
from oracle.case import assert_same, few, lenets, seeds
from scipy import stats

from gcm.data.loader import seeded_generator
from gcm.metric import (
    CompletenessResidual,
    DeclineRatio,
    Deletion,
    Insertion,
    LogitResidual,
    Pointing,
    RankCorrelation,
    RelativeChange,
    Sparseness,
)
from gcm.model import Contributions


@st.composite
def random_maps(draw, count=1):
    """`(B,K,h,w)`, a few such; of real numbers, or of few whole ones, so that there are ties, zeros and even maps."""
    shape = draw(st.integers(1, 4)), draw(st.integers(2, 4)), draw(st.integers(1, 4)), draw(st.integers(2, 4))
    generator = torch.Generator().manual_seed(draw(seeds))
    whole = draw(st.booleans())
    found = [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(count)]
    found = [maps.round().clamp(-1, 1) for maps in found] if whole else found
    return found[0] if count == 1 else found


def per_image(metric, *batch):
    """In two batches."""
    for part in (slice(0, 1), slice(1, None)):
        if len(batch[0][part]):
            metric.update(*(values[part] for values in batch))
    return metric.per_image()


@few
@given(random_maps(), seeds)
def test_decline_ratio(maps, seed):
    torch.manual_seed(seed)
    logits, labels = torch.randn(maps.shape[:2]).round(), torch.randint(maps.shape[1], (len(maps),))
    metric = DeclineRatio(resamples=200, confidence=0.8, seed=3)
    metric.update(maps, logits, labels)
    found = metric.compute()
    right = by_hand.right_by_network_and_by_map(maps.numpy(), logits.numpy(), labels.tolist())
    assert found.accuracy == pytest.approx(sum(network for network, _ in right) / len(right))
    assert found.map_accuracy == pytest.approx(sum(picture for _, picture in right) / len(right))
    assert found.ratio == pytest.approx(by_hand.decline_ratio(right), nan_ok=True)
    agreeing = [
        by_hand.first_largest([sum(by_hand.numbers(m)) for m in of_image]) == by_hand.first_largest(scores.tolist())
        for of_image, scores in zip(maps.numpy(), logits, strict=True)
    ]
    assert found.agreement == pytest.approx(sum(agreeing) / len(agreeing))
    assert found.n == len(right)


@few
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=5), st.sampled_from([0.5, 0.8, 0.95]))
def test_the_interval_holds_what_all_possible_resamples_say(right, confidence):
    """All `n^n` resamples of `n` images: beyond either end lie no more than half of what the interval leaves out."""
    if not any(network for network, _ in right):
        right[0] = (True, right[0][1])
    logits = torch.tensor([[float(network), 0.5] for network, _ in right])  # class 0 is right
    maps = torch.tensor([[float(picture), 0.5] for _, picture in right])[:, :, None, None]
    metric = DeclineRatio(resamples=20_000, confidence=confidence)
    metric.update(maps, logits, torch.zeros(len(right), dtype=torch.long))
    found = metric.compute()
    ratios = [by_hand.decline_ratio(drawn) for drawn in itertools.product(right, repeat=len(right))]
    known = np.array([ratio for ratio in ratios if not np.isnan(ratio)])
    tail, noise = (1 - confidence) / 2, 0.015
    for below, up_to in (((known < found.low - 1e-9).mean(), (known <= found.low + 1e-9).mean()),
                         ((known > found.high + 1e-9).mean(), (known >= found.high - 1e-9).mean())):  # fmt: skip
        assert below <= tail + noise
        assert up_to >= tail - noise


@few
@given(random_maps(count=2), seeds)
def test_completeness(drawn, seed):
    torch.manual_seed(seed)
    parts, others = drawn
    logits, rest = others.sum((2, 3)), torch.randn(parts.shape[:2], dtype=torch.float64)
    if not parts.any():
        return
    metric = CompletenessResidual()
    for part in (slice(0, 1), slice(1, None)):
        if len(logits[part]):
            metric.update(Contributions(logits[part], parts[part], rest[part]))
    found = metric.compute()
    assert found.residual == pytest.approx(by_hand.completeness(logits.numpy(), parts.numpy(), rest.numpy()))
    assert found.signed == any(value < 0 for value in by_hand.numbers(parts))


@few
@given(random_maps(), seeds)
def test_pointing(maps, seed):
    places = torch.rand(maps.shape, generator=torch.Generator().manual_seed(seed)) < 0.4
    places[:, 0, 0, 0] = True
    places[:, 1] &= maps.shape[1] == 2  # the second of more classes is not shown
    expected = [by_hand.pointing(*pair) for pair in zip(maps.numpy(), places.numpy(), strict=True)]
    assert_same(per_image(Pointing(), maps, places), expected)


@pytest.mark.parametrize("kind", [Deletion, Insertion])
@few
@given(case=lenets(), steps=st.integers(1, 7), baseline=st.sampled_from([0.0, 0.3]), whole=st.booleans(), seed=seeds)
def test_deletion_and_insertion(kind, case, steps, baseline, whole, seed):
    torch.manual_seed(seed)
    height, width = case.images.shape[2:]
    maps = torch.randint(-1, 2, (2, 2, height, width)).double() if whole else torch.randn(2, 2, height, width).double()
    targets = torch.tensor([[1, 0], [0, 1]])
    order = torch.randperm(height * width, generator=seeded_generator("cpu", 9)).tolist()
    expected = [
        [
            by_hand.perturbation_curve(case.oracle, image, class_map, k, order, steps, baseline, kind is Insertion)
            for class_map, k in zip(of_image, classes, strict=True)
        ]
        for image, of_image, classes in zip(case.arrays, maps.numpy(), targets.tolist(), strict=True)
    ]
    metric = kind(baseline, steps, seed=9)
    with torch.no_grad():
        assert_same(metric.curves(case.network, case.images, maps, targets), np.array(expected))
    metric.update(case.network, case.images, maps, targets)
    areas = [np.mean([by_hand.area(curve) for curve in curves]) for curves in expected]
    assert_same(metric.per_image(), areas)


@few
@given(random_maps(count=2))
def test_rank_correlation(drawn):
    maps, others = drawn
    expected = []
    for of_image, other_of_image in zip(maps, others, strict=True):
        flat = zip(of_image.flatten(1).numpy(), other_of_image.flatten(1).numpy(), strict=True)
        sizes = [by_hand.rank_correlation(*pair) for pair in flat]
        expected.append(sum(sizes) / len(sizes))
    assert_same(per_image(RankCorrelation(), maps, others), expected)


@few
@given(random_maps(count=2))
def test_relative_change(drawn):
    maps, others = drawn
    expected = [
        np.mean([by_hand.relative_change(*pair) for pair in zip(*of_image, strict=True)])
        for of_image in zip(maps.numpy(), others.numpy(), strict=True)
    ]
    assert_same(per_image(RelativeChange(), maps, others), expected)


@few
@given(random_maps())
def test_sparseness(maps):
    expected = [np.mean([by_hand.gini(class_map) for class_map in of_image]) for of_image in maps.numpy()]
    assert_same(per_image(Sparseness(), maps), expected, 1e-8)


@few
@given(random_maps(), seeds)
def test_logit_residual(maps, seed):
    torch.manual_seed(seed)
    logits = torch.randn(maps.shape[:2], dtype=torch.float64) + maps.sum((2, 3))
    expected = [by_hand.logit_residual(*pair) for pair in zip(maps.numpy(), logits.numpy(), strict=True)]
    assert per_image(LogitResidual(), maps, logits).tolist() == pytest.approx(expected, abs=1e-8)


@few
@given(random_maps(), st.sampled_from([0.8, 0.95]))
def test_mean_and_interval_over_images(maps, confidence):
    metric = Sparseness(confidence)
    metric.update(maps)
    values, found = by_hand.numbers(metric.per_image()), metric.compute()
    assert found.n == len(values)
    if len(values) < 2:
        assert found.mean == values[0]
        assert np.isnan([found.low, found.high]).all()
        return
    quantile = stats.t.isf((1 - confidence) / 2, len(values) - 1)
    mean, reach = by_hand.mean_and_reach(values, quantile)
    assert (found.mean, found.low, found.high) == pytest.approx((mean, mean - reach, mean + reach))
