"""Doubt, calibration, detection, settling, attention and contribution mass equal their definitions."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import study as by_hand
from oracle.case import assert_same, few, gcms, lenets, seeds
from oracle.layer import Convolution
from oracle.metric import softmax
from oracle.resize import resized
from sample import STOCHASTIC

from gcm.data import ImageSpec, MemorySplit
from gcm.study.accuracy.predictions import accuracy_difference
from gcm.study.attention.foreground import foreground_zones, mean_by_zone
from gcm.study.attention.numbers import attention, moved, on_object
from gcm.study.contribution_mass.numbers import contribution_mass
from gcm.study.layer_convergence.numbers import (
    LayerConvergence,
    LayerState,
    converged_at,
    layer_convergence,
    layer_states,
)
from gcm.study.uncertainty.numbers import BINS, calibration, detection
from gcm.study.uncertainty.predictive import Predictive, PredictiveDistribution
from gcm.visualizer import GradCAM

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", STOCHASTIC)
@few
@given(seed=seeds)
def test_entropy_and_mutual_information(name, seed):
    spec = ImageSpec.of(1, 10, 3)
    torch.manual_seed(seed)
    network = STOCHASTIC[name](spec).double().eval()
    images = torch.randint(256, (2, *spec.shape), dtype=torch.uint8)
    found = Predictive("", "", network.float(), 4, seed).on(images)
    logits = network.sampled_logits(images / 255.0, 4, seed)
    for image in range(2):
        passes = [softmax(scores.double().tolist()) for scores in logits[:, image]]
        mean = np.mean(passes, 0)
        assert found.probabilities[image].tolist() == pytest.approx(mean.tolist(), rel=1e-9)
        assert float(found.entropy[image]) == pytest.approx(by_hand.entropy(mean), rel=1e-9)
        assert float(found.confidence[image]) == max(found.probabilities[image].tolist())
        assert float(found.mutual_information[image]) == pytest.approx(by_hand.mutual_information(passes), abs=1e-12)


@few
@given(st.integers(5, 40), st.integers(2, 4), seeds)
def test_calibration(count, classes, seed):
    torch.manual_seed(seed)
    probabilities = (3 * torch.randn(count, classes, dtype=torch.float64)).softmax(1)
    labels = torch.randint(classes, (count,))
    found = calibration(PredictiveDistribution(probabilities, torch.zeros(count)), labels)
    rows = probabilities.tolist()
    right = [max(range(classes), key=row.__getitem__) == label for row, label in zip(rows, labels, strict=True)]
    losses = [-math.log(row[label]) for row, label in zip(rows, labels, strict=True)]
    assert found.accuracy.mean == pytest.approx(sum(right) / count)
    assert found.log_loss.mean == pytest.approx(sum(losses) / count)
    error = by_hand.expected_calibration_error([max(row) for row in rows], right, BINS)
    assert found.error.mean == pytest.approx(error)


@few
@given(st.lists(st.integers(0, 6), min_size=2, max_size=9), st.lists(st.integers(0, 6), min_size=2, max_size=9))
def test_detection_with_ties(own, unlike):
    found = detection(torch.tensor(own).double(), torch.tensor(unlike).double())
    assert found.auroc.mean == pytest.approx(by_hand.area_below_roc(own, unlike), abs=1e-6)
    assert found.aupr.mean == pytest.approx(by_hand.average_precision(own, unlike), abs=1e-6)


@torch.no_grad()
def test_the_cost_of_a_distribution_over_weights():
    network = STOCHASTIC["bayesian_cnn"](ImageSpec.of(1, 10, 2)).double()
    for parameter in network.parameters():
        torch.nn.init.uniform_(parameter, -1, 0)
    cost = 0.0
    for name, distribution in network.distributions().items():
        mean, spread = network.get_parameter(name).flatten(), distribution.scale.flatten()
        places = range(0, len(mean), max(1, len(mean) // 2))
        found = torch.distributions.kl_divergence(distribution, torch.distributions.Normal(0.0, 0.1)).flatten()
        for place in places:
            expected = by_hand.normal_divergence(float(mean[place]), float(spread[place]), 0.1)
            assert float(found[place]) == pytest.approx(expected, rel=1e-6)
        cost += float(found.sum())
    assert float(network.complexity()) == pytest.approx(cost)


@few
@given(lenets())
def test_states_of_layers(case):
    """Weights and biases as one vector; outputs before any activation."""
    states = layer_states(case.network, case.images)
    for place, path in enumerate(("convolution1", "convolution2")):
        layer = [layer for layer in case.oracle.features.layers if isinstance(layer, Convolution)][place]
        values = [case.oracle.features.values(image)[1 + 3 * place] for image in case.arrays]
        assert_same(states[path].outputs, values)
        assert_same(states[path].weights, np.concatenate([layer.weight.flatten(), layer.bias]))
    assert_same(states["linear"].outputs, [case.oracle.logits(image) for image in case.arrays])


@few
@given(st.integers(2, 5), seeds)
def test_settling(count, seed):
    torch.manual_seed(seed)
    states = [{"a": LayerState(torch.randn(4).double(), torch.randn(3, 2).double())} for _ in range(count)]
    steps = [10 * number for number in range(count)]
    found = layer_convergence(zip(steps, states, strict=True), states[0], states[-1])
    weights, outputs = ([getattr(state["a"], part).flatten().tolist() for state in states]
                        for part in ("weights", "outputs"))  # fmt: skip
    for place, row in enumerate(found):
        for part, values in (("weights", weights), ("outputs", outputs)):
            share = by_hand.distance(values[place], values[-1]) / by_hand.distance(values[0], values[-1])
            assert getattr(row, part) == pytest.approx(share)
        before = weights[max(0, place - 1)]
        moved = by_hand.distance(weights[place], before) / by_hand.distance(before, [0.0] * 4)
        assert (row.step, row.moved) == (steps[place], pytest.approx(moved))
    for part in ("weights", "outputs"):
        left = [getattr(row, part) for row in found]
        assert converged_at(found, "a", part) == by_hand.settled_at(steps, left)


@few
@given(st.lists(st.sampled_from([0.2, 0.5, 0.7]), min_size=1, max_size=6))
def test_settled_for_good(left):
    rows = [LayerConvergence(step, "a", share, 0.0, 0.0) for step, share in enumerate(left)]
    assert converged_at(rows, "a", "weights") == by_hand.settled_at(list(range(len(left))), left)


@few
@given(lenets(), st.sampled_from(["predicted", "label"]))
def test_attention(case, explained):
    labels = torch.tensor([1, 0])
    logits, evidence = attention(GradCAM(), case.network, case.images, labels, explained)
    for place, image in enumerate(case.arrays):
        k = int(labels[place]) if explained == "label" else int(np.argmax(case.oracle.logits(image)))
        features, gradient = case.oracle.features.forward(image), case.oracle.feature_gradient(image, k)
        coarse = sum(gradient[d].mean() * features[d] for d in range(len(features)))
        expected = np.maximum(resized(coarse, *image.shape[1:], "bilinear"), 0)
        assert_same(evidence[place], expected)
        brightness = image.mean(0)
        if expected.sum():
            share = expected[brightness > 0.5].sum() / expected.sum()
            assert float(on_object(evidence, case.images)[place]) == pytest.approx(share)
    assert_same(logits, [case.oracle.logits(image) for image in case.arrays])


@few
@given(seeds)
def test_how_far_evidence_turned(seed):
    before, after = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(seed))
    for found, a, b in zip(moved(before, after), before.flatten(1), after.flatten(1), strict=True):
        cosine = sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))
        cosine /= by_hand.distance(a.tolist(), [0.0] * 20) * by_hand.distance(b.tolist(), [0.0] * 20)
        assert float(found) == pytest.approx(1 - cosine, abs=1e-6)


@few
@given(seeds)
def test_zones(seed):
    """Near: not bright, but within two rows and two columns of what is."""
    generator = torch.Generator().manual_seed(seed)
    images, values = torch.rand(2, 2, 9, 11, generator=generator) * 0.62, torch.rand(2, 9, 11, generator=generator)
    found, means = foreground_zones(images), mean_by_zone(values, images)
    for image in range(2):
        bright = {(r, c) for r in range(9) for c in range(11) if images[image, :, r, c].mean() > 0.5}
        expected = {"object": [], "near": [], "beyond": []}
        for r, c in np.ndindex(9, 11):
            close = any(abs(r - row) <= 2 and abs(c - column) <= 2 for row, column in bright)
            expected["object" if (r, c) in bright else "near" if close else "beyond"].append((r, c))
        for zone, places in expected.items():
            assert [tuple(place) for place in found[zone][image].nonzero().tolist()] == places
            if places:
                mean = sum(float(values[(image, *place)]) for place in places) / len(places)
                assert float(means[zone][image]) == pytest.approx(mean, rel=1e-5)


@few
@given(gcms(count=4))
def test_contribution_mass(case):
    images, labels = (255 * case.images).round().byte(), torch.tensor([0, 1, 1, 0])
    found = contribution_mass(case.network.float(), MemorySplit(images, labels), batch_size=3)
    sums = np.zeros(4)
    for image, label in zip(images.double().numpy() / 255, labels.tolist(), strict=True):
        maps = [case.oracle.contribution_map(image, k) / image.size for k in range(case.oracle.classes)]
        wrong = [class_map for k, class_map in enumerate(maps) if k != label]
        sums += [
            np.maximum(maps[label], 0).sum(),
            np.abs(maps[label]).sum(),
            np.mean([np.maximum(class_map, 0).sum() for class_map in wrong]),
            np.mean([np.abs(class_map).sum() for class_map in wrong]),
        ]
    parts = (found.true_positive, found.true_absolute, found.wrong_positive, found.wrong_absolute)
    assert_same(parts, sums / 4, 1e-5)  # the split's images are read in float32
    assert found.n == 4


@few
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=20))
def test_how_two_networks_accuracies_differ(pairs):
    """With `b` and `c` images that only one gets right: `(b - c)/n`, variance `(b + c - (b - c)²/n) / n²`."""
    first, second = torch.tensor(pairs).T
    only_first, only_second, count = sum(a > b for a, b in pairs), sum(b > a for a, b in pairs), len(pairs)
    value = (only_first - only_second) / count
    margin = 1.96 * math.sqrt(only_first + only_second - (only_first - only_second) ** 2 / count) / count
    assert tuple(accuracy_difference(first, second)) == pytest.approx((value, value - margin, value + margin), abs=1e-9)
