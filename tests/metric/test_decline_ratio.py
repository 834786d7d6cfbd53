"""Decline ratio: by hand, from anywhere, over processes."""

import math

import pytest
import torch
from captum.attr import InputXGradient
from torch import nn

from gcm.error import InputError
from gcm.metric import DeclineRatio


def of_classes(indices, classes=3):
    """Logits `(B,K)` whose largest is the given class."""
    return torch.eye(classes)[torch.tensor(indices)]


def maps_of_classes(indices, classes=3):
    """Maps `(B,K,1,2,2)` whose largest sum is the given class's; single values mislead."""
    sums = of_classes(indices, classes)
    maps = sums[:, :, None, None, None].expand(-1, -1, 1, 2, 2).clone()
    maps[:, :, 0, 0, 0] -= 5
    maps[:, :, 0, 1, 1] += 5
    return maps


def test_by_hand():
    metric = DeclineRatio()
    metric.update(maps_of_classes([0, 1, 2, 0]), of_classes([0, 1, 1, 2]), torch.tensor([0, 1, 1, 0]))
    decline = metric.compute()
    assert (decline.accuracy, decline.map_accuracy, decline.n) == (0.75, 0.75, 4)
    assert decline.ratio == 0
    assert decline.agreement == 0.5
    metric.update(maps_of_classes([0, 0, 0, 0]), of_classes([1, 1, 1, 1]), torch.tensor([1, 1, 1, 0]))
    decline = metric.compute()
    assert (decline.accuracy, decline.map_accuracy, decline.n) == (0.75, 0.5, 8)
    assert decline.ratio == pytest.approx(1 / 3)
    assert decline.agreement == 0.25


def test_a_faithful_map_loses_nothing():
    metric = DeclineRatio()
    logits, labels = torch.randn(50, 10), torch.randint(10, (50,))
    metric.update(logits[:, :, None, None].expand(-1, -1, 4, 4), logits, labels)
    decline = metric.compute()
    assert (decline.ratio, decline.low, decline.high, decline.agreement) == (0, 0, 0, 1)


def test_it_can_be_negative():
    metric = DeclineRatio()
    metric.update(maps_of_classes([0, 1]), of_classes([0, 0]), torch.tensor([0, 1]))
    assert metric.compute().ratio == -1


def test_it_is_undefined_where_the_network_is_never_right():
    metric = DeclineRatio()
    metric.update(maps_of_classes([0, 1]), of_classes([1, 0]), torch.tensor([0, 1]))
    decline = metric.compute()
    assert (decline.accuracy, decline.map_accuracy) == (0, 1)
    assert all(math.isnan(value) for value in (decline.ratio, decline.low, decline.high))


def test_the_interval_is_a_bootstrap_over_images():
    """Against resampling the images themselves."""
    labels = torch.zeros(200, dtype=torch.int64)
    by_network = torch.cat([torch.zeros(180), torch.ones(20)]).long()
    by_map = torch.cat([torch.zeros(150), torch.ones(45), torch.zeros(5)]).long()
    metric = DeclineRatio(resamples=4000)
    metric.update(maps_of_classes(by_map.tolist()), of_classes(by_network.tolist()), labels)
    decline = metric.compute()
    drawn = torch.randint(200, (4000, 200))
    right, map_right = (by_network == 0).double()[drawn].mean(1), (by_map == 0).double()[drawn].mean(1)
    low, high = ((right - map_right) / right).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    assert decline.low == pytest.approx(low, abs=0.012)
    assert decline.high == pytest.approx(high, abs=0.012)
    assert decline.low < decline.ratio < decline.high


def test_batches_may_be_cut_anywhere():
    maps, logits, labels = torch.randn(30, 4, 3, 5, 5), torch.randn(30, 4), torch.randint(4, (30,))
    whole, parts = DeclineRatio(), DeclineRatio()
    whole.update(maps, logits, labels)
    for part in ([0], range(1, 20), range(20, 30)):
        parts.update(maps[list(part)], logits[list(part)], labels[list(part)])
    assert whole.compute() == parts.compute()


def test_maps_made_by_captum_alone():
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 3, bias=False))
    images, labels = torch.rand(20, 1, 4, 4), torch.randint(3, (20,))
    labels[0] = network(images[:1]).argmax()
    captum = InputXGradient(network)
    maps = torch.stack([captum.attribute(images.requires_grad_(), target=k).detach() for k in range(3)], 1)
    metric = DeclineRatio()
    metric.update(maps, network(images).detach(), labels)
    assert (metric.compute().ratio, metric.compute().agreement) == (0, 1)


@pytest.mark.parametrize(
    ("maps", "logits", "labels"),
    [((4, 3), (4, 3), 4), ((4, 2, 1, 2, 2), (4, 3), 4), ((3, 3, 1, 2, 2), (4, 3), 4), ((4, 3, 1, 2, 2), (4, 3), 3)],
)
def test_wrong_shapes_are_refused(maps, logits, labels):
    with pytest.raises(
        InputError, match=r"maps must be \(B,K,…\) and logits \(B,K\)|labels must be class numbers \(4,\)"
    ):
        DeclineRatio().update(torch.zeros(maps), torch.zeros(logits), torch.zeros(labels, dtype=torch.int64))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_maps_that_are_not_finite_are_refused(value):
    with pytest.raises(InputError, match="must be finite"):
        DeclineRatio().update(torch.full((1, 2, 1, 1, 1), value), torch.zeros(1, 2), torch.zeros(1).long())


def test_without_images_there_is_no_number():
    with pytest.raises(InputError, match="no image"), pytest.warns(UserWarning, match="before the ``update``"):
        DeclineRatio().compute()
