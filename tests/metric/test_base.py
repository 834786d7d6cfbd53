"""What all metrics have in common: they count what they alone were given, in collections, processes and any precision."""

from itertools import combinations

import pytest
import torch
from metric_batches import METRICS, batch, updated
from torch import nn
from torchmetrics import MetricCollection

import gcm.metric
from gcm.error import InputError
from gcm.metric import (
    CompletenessResidual,
    DeclineRatio,
    Deletion,
    ExactMetric,
    ImageMetric,
    Insertion,
    MapMetric,
    Sparseness,
)

FIRST = {
    "black": batch("black"),
    "even": batch("even"),
    "one black image": batch("black", count=1),
    "random": batch(seed=5),
}


def same(found, expected):
    assert tuple(found) == pytest.approx(tuple(expected), rel=1e-12, nan_ok=True)


def test_every_metric_is_looked_at():
    kinds = {type(build()) for build in METRICS.values()}
    exported = {
        value for value in vars(gcm.metric).values() if isinstance(value, type) and issubclass(value, ExactMetric)
    }
    others = {kind for kind in exported if not any(issubclass(kind, known) for known in kinds)}
    assert others == {ExactMetric, ImageMetric, MapMetric}


@pytest.mark.parametrize("first", FIRST)
def test_in_a_collection_of_any_two_each_counts_what_it_counts_alone(first):
    batches = FIRST[first], batch(seed=1), batch(seed=2)
    alone = {name: updated(build(), *batches).compute() for name, build in METRICS.items()}
    for names in combinations(METRICS, 2):
        together = MetricCollection({name: METRICS[name]() for name in names})
        for arguments in batches:
            together.update(**arguments)
        for name, found in together.compute().items():
            same(found, alone[name])


@pytest.mark.parametrize("first", FIRST)
def test_a_collection_of_all_may_be_copied_renamed_reset_and_asked_in_between(first):
    batches = FIRST[first], batch(seed=1), batch(seed=2)
    together = MetricCollection({name: build() for name, build in METRICS.items()}, prefix="of/")
    together.update(**batch(seed=9))
    together.reset()
    together.update(**batches[0])
    between = together.compute()
    together(**batches[1])
    copy = together.clone(prefix="copy/")
    for each in (together, copy):
        each.update(**batches[2])
    for name, build in METRICS.items():
        same(between[f"of/{name}"], updated(build(), batches[0]).compute())
        alone = updated(build(), *batches).compute()
        same(together.compute()[f"of/{name}"], alone)
        same(copy.compute()[f"copy/{name}"], alone)
        same(together[name].compute(), alone)


def test_copies_whose_settings_are_changed_are_no_group():
    one = Deletion(steps=3)
    other = one.clone()
    other.baseline = 1.0
    together = MetricCollection({"one": one, "other": other})
    for arguments in (batch("black"), batch(seed=1)):
        together.update(**arguments)
    same(together.compute()["other"], updated(METRICS["deletion in white"](), batch("black"), batch(seed=1)).compute())


def test_metrics_that_are_grouped_by_force_are_refused():
    together = MetricCollection({"a": Deletion(), "b": Insertion()}, compute_groups=[["a", "b"]])
    together.update(**batch())
    with pytest.raises(InputError, match=r"Insertion has seen no image.*compute_groups"):
        together.compute()


@pytest.mark.parametrize("name", METRICS)
def test_states_of_two_can_be_merged(name):
    first, second = (updated(METRICS[name](), batch(seed=seed)) for seed in (1, 2))
    first.merge_state(second)
    found, expected = first.compute(), updated(METRICS[name](), batch(seed=1), batch(seed=2)).compute()
    same(found, expected)


class Trained(nn.Module):
    """What a metric is part of."""

    def __init__(self, metric):
        super().__init__()
        self.linear, self.metric = nn.Linear(2, 2), metric


CASTS = {
    **{str(dtype): lambda module, dtype=dtype: module.to(dtype) for dtype in (torch.bfloat16, torch.float16, torch.float32)},
    "half()": nn.Module.half,
    "bfloat16()": nn.Module.bfloat16,
    "float()": nn.Module.float,
    "type()": lambda module: module.type(torch.bfloat16),
    "set_dtype()": lambda module: module.metric.set_dtype(torch.bfloat16),
}  # fmt: skip


@pytest.mark.parametrize("cast", CASTS)
@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_not_cast_with_the_module_that_it_is_part_of(name, cast):
    metric = METRICS[name]()
    module = Trained(metric)
    updated(metric, batch(seed=1))
    CASTS[cast](module)
    updated(metric, batch(seed=2))
    same(metric.compute(), updated(METRICS[name](), batch(seed=1), batch(seed=2)).compute())
    metric.reset()
    same(updated(metric, batch(seed=3)).compute(), updated(METRICS[name](), batch(seed=3)).compute())


@pytest.mark.parametrize("name", METRICS)
def test_the_default_type_changes_nothing(name):
    """Lightning sets it while a module computes in half precision."""
    expected = updated(METRICS[name](), batch(seed=1)).compute()
    arguments = batch(seed=1)
    torch.set_default_dtype(torch.bfloat16)
    try:
        found = updated(METRICS[name](), arguments).compute()
    finally:
        torch.set_default_dtype(torch.float32)
    same(found, expected)


@pytest.mark.parametrize("name", METRICS)
def test_updates_within_inference_mode_and_outside_add_up(name):
    metric = METRICS[name]()
    with torch.inference_mode():
        updated(metric, batch(seed=1))
        metric.reset()
        updated(metric, batch(seed=1))
    updated(metric, batch(seed=2))
    same(metric.compute(), updated(METRICS[name](), batch(seed=1), batch(seed=2)).compute())


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("cast", [None, torch.bfloat16])
def test_a_process_without_images_gathers_the_types_of_the_others(name, cast):
    gathered = []

    def gather(tensor, group):
        gathered.append((tensor.dtype, tensor.ndim))
        return [tensor]

    for batches in ((), (batch(),)):
        metric = updated(METRICS[name](), *batches)
        if cast:
            metric.to(cast)
        metric.sync(dist_sync_fn=gather, distributed_available=lambda: True)
    empty, seen = gathered[: len(gathered) // 2], gathered[len(gathered) // 2 :]
    assert empty == seen


def test_nobody_saw_an_image():
    for metric in (Sparseness(), DeclineRatio(), CompletenessResidual()):
        with pytest.warns(UserWarning, match="before the ``update``"), pytest.raises(InputError, match="seen no image"):
            metric.compute()
