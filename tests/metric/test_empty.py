"""Nothing to count is refused in one line, and changes nothing of what was counted before."""

import pytest
import torch
from metric_batches import METRICS, batch, cut, updated

from gcm.error import InputError
from gcm.metric import mean_with_interval

ONE_IS_ENOUGH = ("pointing", "rank", "relative", "sparseness", "completeness", "largest", "its square")
"""Begin the names of metrics that a map of a single class makes sense to."""
OUR_OWN = [name for name in METRICS if name not in ("largest value", "its square")]


@pytest.mark.parametrize("name", OUR_OWN)
@pytest.mark.parametrize("axis", ["images", "classes", "pixels"])
def test_none_of_an_axis_is_refused(name, axis):
    metric = updated(METRICS[name](), batch())
    before = tuple(metric.compute())
    with pytest.raises(InputError, match="at least one") as refused:
        updated(metric, cut(batch(), **{axis: 0}))
    assert "\n" not in str(refused.value)
    assert tuple(metric.compute()) == before
    with pytest.raises(InputError, match="at least one"):
        updated(METRICS[name](), cut(batch(), **{axis: 0}))


@pytest.mark.parametrize("name", [name for name in OUR_OWN if not name.startswith(ONE_IS_ENOUGH)])
def test_a_single_logit_is_refused(name):
    """Its softmax is 1 and it is always named, so that there would be a perfect number for any map."""
    with pytest.raises(
        InputError, match=r"logits must be \(B,K\) of K = 2 classes or more, got \(\d+, 1\); of a single"
    ):
        updated(METRICS[name](), cut(batch(), classes=1))


@pytest.mark.parametrize("name", [name for name in OUR_OWN if name.startswith(ONE_IS_ENOUGH)])
def test_a_single_class_is_enough_where_classes_are_not_compared(name):
    measured = updated(METRICS[name](), cut(batch(), classes=1)).compute()
    assert torch.tensor(measured[0]).isfinite()


@pytest.mark.parametrize("name", ["deletion", "insertion"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_logits_that_are_no_numbers_are_refused(name, value):
    arguments = batch() | {"network": lambda images: torch.full((len(images), 3), value)}
    with pytest.raises(InputError, match="logits must be finite"):
        updated(METRICS[name](), arguments)


@pytest.mark.parametrize(
    "returned", [lambda images: {"logits": images}, lambda images: images, lambda images: images.mean((1, 2, 3))]
)
def test_what_is_no_logits_is_refused(returned):
    for name in ("deletion", "insertion"):
        with pytest.raises(InputError, match="must return logits"):
            updated(METRICS[name](), batch() | {"network": returned})


def test_an_interval_of_no_values_is_refused():
    with pytest.raises(InputError, match="at least one"):
        mean_with_interval(torch.zeros(0))
