"""Metrics of maps, one value an image: cases computed by hand, and what a perfect map, a random one, its opposite get."""

import math

import pytest
import torch
from scipy import stats
from sklearn.metrics import auc
from torch import nn

from gcm.error import InputError
from gcm.metric import (
    Deletion,
    Insertion,
    LogitResidual,
    Pointing,
    RankCorrelation,
    RelativeChange,
    Sparseness,
    mean_with_interval,
)


class Sees(nn.Module):
    """A network whose second logit is how much of a mask `(H,W)` is bright, times 10; the first is 0."""

    def __init__(self, mask):
        super().__init__()
        self.mask = mask.double() / mask.sum()

    def forward(self, images):
        seen = 10 * (images.mean(1) * self.mask).sum((1, 2))
        return torch.stack([torch.zeros_like(seen), seen], 1)


@pytest.fixture
def planted():
    """A network that sees 8 of 64 pixels, bright images, and maps: perfect, random, and the opposite of perfect."""
    mask = torch.zeros(8, 8)
    mask[2:4, 3:7] = 1
    images = torch.rand(6, 3, 8, 8, dtype=torch.float64) / 2 + 0.5
    perfect = mask.double().expand(6, 1, 8, 8)
    return Sees(mask), images, {"perfect": perfect, "random": torch.rand(6, 1, 8, 8), "opposite": -perfect}


@pytest.mark.parametrize("kind", [Deletion, Insertion])
def test_perfect_beats_random_beats_its_opposite(kind, planted):
    network, images, maps = planted
    means = {}
    for name, values in maps.items():
        metric = kind()
        metric.update(network, images, values, torch.ones(6, 1, dtype=torch.long))
        means[name] = metric.compute()
    sign = 1 if kind.higher_is_better else -1
    assert sign * means["perfect"].mean > sign * means["random"].mean > sign * means["opposite"].mean
    worst_of_perfect = means["perfect"].low if sign > 0 else means["perfect"].high
    best_of_random = means["random"].high if sign > 0 else means["random"].low
    assert sign * worst_of_perfect > sign * best_of_random
    assert means["perfect"].n == 6


def test_deletion_and_insertion_by_hand():
    """Four white pixels; logits 0 and their number times ln 3: the probability is 3^n / (1 + 3^n)."""

    def network(images):
        total = images.sum((1, 2, 3)) * math.log(3)
        return torch.stack([torch.zeros_like(total), total], 1)

    images = torch.ones(1, 1, 2, 2, dtype=torch.float64)
    left = [3**n / (1 + 3**n) for n in (4, 3, 2, 1, 0)]
    maps = torch.rand(1, 1, 2, 2)
    for kind, curve in ((Deletion, left), (Insertion, left[::-1])):
        metric = kind(steps=4)
        metric.update(network, images, maps, torch.ones(1, 1, dtype=torch.long))
        assert metric.compute().mean == pytest.approx(auc([0, 0.25, 0.5, 0.75, 1], curve), rel=1e-6)


def test_deletion_goes_from_the_image_to_the_baseline_in_the_order_of_the_map(planted):
    network, images, _ = planted
    seen = []

    def watching(perturbed):
        seen.append(perturbed)
        return network(perturbed)

    order = torch.arange(64.0).view(1, 1, 8, 8).expand(6, 1, 8, 8)
    Deletion(baseline=0.25, steps=8).update(watching, images, order, torch.zeros(6, 1, dtype=torch.long))
    torch.testing.assert_close(seen[0], images)
    assert (seen[-1] == 0.25).all()
    assert (seen[1][:, :, 7] == 0.25).all()
    torch.testing.assert_close(seen[1][:, :, :7], images[:, :, :7])


def test_pixels_ranked_alike_are_not_deleted_row_by_row():
    ranks = Deletion().ranks(torch.zeros(1, 1, 8, 8))
    assert sorted(ranks.flatten().tolist()) == list(range(64))
    assert ranks[0, 0, 0].float().mean() > 8
    assert torch.equal(ranks, Deletion().ranks(torch.ones(1, 1, 8, 8)))
    assert not torch.equal(ranks, Deletion(seed=1).ranks(torch.zeros(1, 1, 8, 8)))


def test_several_targets_count_their_mean(planted):
    network, images, maps = planted
    both, first, second = Deletion(), Deletion(), Deletion()
    together = torch.cat([maps["perfect"], maps["random"].double()], 1)
    both.update(network, images, together, torch.tensor([[1, 0]] * 6))
    first.update(network, images, together[:, :1], torch.tensor([[1]] * 6))
    second.update(network, images, together[:, 1:], torch.tensor([[0]] * 6))
    assert both.compute().mean == pytest.approx((first.compute().mean + second.compute().mean) / 2)


def test_pointing_by_hand():
    """Class 0: 3 of 4 in place; class 1: nothing positive; class 2 is not shown."""
    maps = torch.tensor([[[[3.0, 1.0, -5.0]], [[-1.0, -1.0, 0.0]], [[9.0, 9.0, 9.0]]]])
    places = torch.tensor([[[[True, False, False]], [[False, True, True]], [[False] * 3]]])
    metric = Pointing()
    metric.update(maps, places)
    assert metric.compute().mean == pytest.approx((0.75 + 0) / 2)


def test_pointing_perfect_beats_random_beats_opposite_and_an_even_map_gets_the_places_share():
    places = torch.rand(20, 3, 8, 8) < 0.2
    found = {}
    maps = {"perfect": places.float(), "random": torch.randn(20, 3, 8, 8), "opposite": 1 - places.float(),
            "even": torch.ones(20, 3, 8, 8)}  # fmt: skip
    for name, values in maps.items():
        metric = Pointing()
        metric.update(values, places)
        found[name] = metric.compute()
    assert found["perfect"].mean == 1
    assert found["perfect"].low > found["random"].high
    assert found["random"].low > found["opposite"].high
    assert found["opposite"].mean == 0
    assert found["even"].mean == pytest.approx(float(places.float().mean((2, 3)).mean()), abs=1e-6)


def test_rank_correlation_equals_scipy_also_with_ties():
    maps, others = torch.randint(0, 5, (2, 4, 3, 6, 6)).double()
    metric = RankCorrelation()
    metric.update(maps, others)
    for image, value in enumerate(metric.per_image()):
        expected = [
            abs(stats.spearmanr(maps[image, k].flatten(), others[image, k].flatten()).statistic) for k in range(3)
        ]
        assert float(value) == pytest.approx(sum(expected) / 3)


def test_rank_correlation_of_even_maps():
    even, other = torch.ones(1, 1, 2, 2), torch.rand(1, 1, 2, 2)
    for first, second, expected in ((even, even, 1), (even, other, 0), (other, -other, 1), (other, other**3, 1)):
        metric = RankCorrelation()
        metric.update(first, second)
        assert metric.compute().mean == pytest.approx(expected)


def test_relative_change_by_hand():
    """From (3, 4) to (3, 1): 3 / 5; nothing from nothing: 0; something from nothing: 1."""
    maps = torch.tensor([[[[3.0, 4.0]], [[0.0, 0.0]], [[0.0, 0.0]]]])
    others = torch.tensor([[[[3.0, 1.0]], [[0.0, 0.0]], [[0.0, 7.0]]]])
    metric = RelativeChange()
    metric.update(maps, others)
    assert metric.compute().mean == pytest.approx((0.6 + 0 + 1) / 3)


@pytest.mark.parametrize(
    ("values", "gini"),
    [([1, 1, 1, 1], 0), ([0, 0, 0, -2], 0.75), ([0, 0, 0, 0], 0), ([1, 3, 0, 0], 0.625)],
    ids=["even", "one", "nothing", "two"],
)
def test_sparseness_by_hand(values, gini):
    """Of 1 and 3 beside two zeros: sum of |a - b| over all 16 pairs is 2 (2 + 1 + 1 + 3 + 3) = 20; 20 / (2 * 16 * 1)."""
    metric = Sparseness()
    metric.update(torch.tensor(values, dtype=torch.float32).view(1, 1, 2, 2))
    assert metric.compute().mean == pytest.approx(gini)


def test_logit_residual_by_hand():
    """Sums that follow the logits but for a factor and an offset; the opposite; one of two independent halves."""
    logits = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    cases = {(3, 5, 7, 9): 0.0, (4, 3, 2, 1): 1.0, (5, 5, 5, 5): 1.0, (1, 4, 3, 2): 1 - 0.2**2}
    for sums, expected in cases.items():
        metric = LogitResidual()
        metric.update(torch.tensor([sums]).float()[:, :, None, None] / 2 * torch.ones(1, 1, 1, 2), logits)
        assert metric.compute().mean == pytest.approx(expected, abs=1e-6)
    metric = LogitResidual()
    metric.update(torch.rand(1, 4, 1, 2), torch.ones(1, 4))
    assert metric.compute().mean == 0


def test_interval_is_student_s():
    values = torch.tensor([1.0, 2.0, 4.0, 9.0], dtype=torch.float64)
    measured = mean_with_interval(values, 0.9)
    low, high = stats.t.interval(0.9, 3, loc=4.0, scale=stats.sem(values))
    assert tuple(measured) == pytest.approx((4.0, low, high, 4))
    assert math.isnan(mean_with_interval(values[:1]).low)


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match="Sparseness has seen no image"):
        Sparseness().per_image()
    with pytest.raises(InputError, match="maps must be finite, got NaN"):
        Sparseness().update(torch.full((1, 1, 2, 2), torch.nan))
    with pytest.raises(InputError, match=r"maps must be \(B,T,H,W\), got \(2, 3, 3\)"):
        Sparseness().update(torch.ones(2, 3, 3))
    with pytest.raises(InputError, match=r"maps must be \(1, 1, 2, 2\), got \(1, 1, 2, 3\)"):
        RelativeChange().update(torch.ones(1, 1, 2, 3), torch.ones(1, 1, 2, 2))
    with pytest.raises(InputError, match="every image must show a class"):
        Pointing().update(torch.ones(1, 2, 2, 2), torch.zeros(1, 2, 2, 2, dtype=torch.bool))
    with pytest.raises(InputError, match=r"images \(1, 1, 2, 2\) need maps \(B,T,H,W\), got \(1, 1, 3, 3\)"):
        Deletion().update(
            lambda images: images, torch.ones(1, 1, 2, 2), torch.ones(1, 1, 3, 3), torch.zeros(1, 1).long()
        )
    with pytest.raises(InputError, match=r"logits \(B,K\), got \(1, 2, 2, 2\) and \(1, 3\)"):
        LogitResidual().update(torch.ones(1, 2, 2, 2), torch.ones(1, 3))


@pytest.mark.parametrize("kind", [Deletion, Insertion])
def test_a_network_that_changes_its_input_gets_the_areas_of_its_twin(kind, planted):
    network, images, maps = planted
    targets, before = torch.ones(6, 1, dtype=torch.long), images.clone()
    in_place, twin = kind(), kind()
    in_place.update(lambda images: network(images.mul_(0.5).add_(0.25)), images, maps["random"], targets)
    twin.update(lambda images: network(images * 0.5 + 0.25), images, maps["random"], targets)
    assert torch.equal(in_place.per_image(), twin.per_image())
    assert torch.equal(images, before)
