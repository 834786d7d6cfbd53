"""Metrics of a distributed run: two processes with uneven shares, or one without any, count what one does."""

import warnings

import pytest
import torch
import torch.multiprocessing as multiprocessing
from metric_batches import METRICS, batch, updated
from torchmetrics import MetricCollection

from gcm.error import InputError

SHARES = {"uneven": ((0, 1), (2,)), "the first sees none": ((), (0, 1, 2)), "the second sees none": ((0, 1, 2), ())}
"""Numbers of the batches that each of two processes sees, in the order of one process."""


def counted(numbers):
    """By each metric alone, and by all in a collection."""
    batches = [batch(seed=number, count=3 + number) for number in numbers]
    together = MetricCollection({name: build() for name, build in METRICS.items()})
    for arguments in batches:
        together.update(**arguments)
    alone = {name: tuple(updated(build(), *batches).compute()) for name, build in METRICS.items()}
    return alone, {name: tuple(value) for name, value in together.compute().items()}


def refused(build):
    try:
        build().compute()
    except InputError as error:
        return "has seen no image" in str(error)
    return False


def in_process(rank, address, results):
    warnings.simplefilter("ignore")  # a process without images has called no update
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    for name, shares in SHARES.items():
        results[name, rank] = counted(shares[rank])
    results["nobody", rank] = [name for name, build in METRICS.items() if not refused(build)]
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    expected, _ = counted((0, 1, 2))
    with multiprocessing.get_context("spawn").Manager() as manager:
        results = manager.dict()
        multiprocessing.spawn(in_process, (f"file://{tmp_path}/meeting", results), nprocs=2)
        for rank in range(2):
            assert results["nobody", rank] == []
            for share in SHARES:
                for found in results[share, rank]:
                    for name, value in found.items():
                        assert value == pytest.approx(expected[name], rel=1e-12, nan_ok=True), (share, rank, name)
