"""Maps of any type of real numbers: what is counted is that of the same numbers in float64."""

import pytest
import torch
from metric_batches import METRICS, batch, updated

from gcm.metric import LogitResidual, RankCorrelation, RelativeChange, Sparseness

NARROW = [torch.float16, torch.bfloat16]
LARGE = {torch.float16: 4e4, torch.bfloat16: 2e38, torch.float32: 2e38, torch.float64: 1e300}
SMALL = {torch.float16: 6e-8, torch.bfloat16: 1e-38, torch.float32: 1e-44, torch.float64: 1e-300}


def as_double(value):
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        return value.double()
    if hasattr(value, "parts"):
        return type(value)(*(as_double(part) for part in (value.logits, value.parts, value.rest)))
    return value


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("dtype", NARROW)
def test_every_metric_counts_what_it_counts_in_float64(name, dtype):
    """Deletion's logits are the network's own, which has the images' type; all else is exact."""
    arguments = batch(dtype=dtype)
    in_double = {key: as_double(value) for key, value in arguments.items()}
    found, expected = (updated(METRICS[name](), each).compute() for each in (arguments, in_double))
    coarse = 0.02 if name.startswith(("deletion", "insertion")) else 1e-12
    assert tuple(found) == pytest.approx(tuple(expected), abs=coarse, nan_ok=True)


@pytest.mark.parametrize("dtype", NARROW)
def test_probabilities_are_not_rounded_to_the_networks_type(dtype):
    """Logits 0 and 4 throughout: the probability, and the area below it, is that of float64."""
    images, maps = torch.rand(2, 1, 4, 4).to(dtype), torch.rand(2, 1, 4, 4)
    for name in ("deletion", "insertion"):
        metric = METRICS[name]()
        metric.update(
            lambda images: images.new_tensor([[0.0, 4.0]]).expand(len(images), 2), images, maps, torch.ones(2, 1).long()
        )
        expected = torch.tensor([0.0, 4.0], dtype=torch.float64).softmax(0)[1]
        assert metric.compute().mean == pytest.approx(float(expected), abs=1e-7)


@pytest.mark.parametrize("dtype", LARGE)
@pytest.mark.parametrize("sizes", [LARGE, SMALL], ids=["large", "small"])
def test_a_map_may_have_any_size(dtype, sizes):
    """From v everywhere to -v a map moves by twice its size; half of it at v and the rest 0 is a Gini coefficient of 1/2."""
    size = torch.full((1, 1, 2, 2), sizes[dtype], dtype=dtype)
    change, sparseness, correlation = RelativeChange(), Sparseness(), RankCorrelation()
    change.update(size, -size)
    assert change.compute().mean == pytest.approx(2, rel=1e-12)
    half = size * torch.tensor([[0, 1], [1, 0]], dtype=dtype)
    if dtype != torch.float64:
        sparseness.update(half)
        assert sparseness.compute().mean == pytest.approx(0.5)
    correlation.update(half, -half)
    assert correlation.compute().mean == pytest.approx(1)


@pytest.mark.parametrize("size", [1e-200, 1e-38, 1, 1e38, 1e200])
def test_the_logit_residual_does_not_depend_on_sizes(size):
    """Of sums 1, 4, 3, 2 the correlation with logits 1, 2, 3, 4 is 0.2."""
    maps = torch.tensor([[1.0, 4.0, 3.0, 2.0]], dtype=torch.float64).view(1, 4, 1, 1)
    logits = torch.tensor([[1.0, 2.0, 3.0, 4.0]], dtype=torch.float64)
    metric = LogitResidual()
    metric.update(size * maps, logits)
    metric.update(maps, size * logits)
    assert metric.per_image().tolist() == pytest.approx([1 - 0.2**2] * 2)


def test_logits_that_are_all_equal_leave_nothing_to_explain_also_where_a_mean_is_rounded():
    """The mean of nine times 0.1 is not 0.1 in float64."""
    metric = LogitResidual()
    metric.update(torch.rand(1, 9, 1, 2, dtype=torch.float64), torch.full((1, 9), 0.1, dtype=torch.float64))
    assert metric.compute().mean == 0


def test_maps_of_two_types_are_compared():
    maps = torch.rand(2, 3, 4, 4)
    for kind in (RelativeChange, RankCorrelation):
        found, expected = kind(), kind()
        found.update(maps.half(), maps.double())
        expected.update(maps.half().double(), maps.double())
        assert found.compute() == expected.compute()
