"""Metrics of a distributed run: two processes with uneven shares count what one does."""

import pytest
import torch
import torch.multiprocessing as multiprocessing

from gcm.metric import DeclineRatio, Sparseness


def batch_of(rank):
    generator = torch.Generator().manual_seed(rank)
    count = 11 + 6 * rank  # uneven on purpose
    return (
        torch.randn(count, 4, 1, 3, 3, generator=generator),
        torch.randn(count, 4, generator=generator),
        torch.randint(4, (count,), generator=generator),
    )


def counted(*ranks):
    decline, sparseness = DeclineRatio(), Sparseness()
    for rank in ranks:
        maps, logits, labels = batch_of(rank)
        decline.update(maps, logits, labels)
        sparseness.update(maps.squeeze(2))
    return tuple(decline.compute()), tuple(sparseness.compute())


def in_process(rank, address, results):
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    results[rank] = counted(rank)
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    with multiprocessing.get_context("spawn").Manager() as manager:
        results = manager.dict()
        multiprocessing.spawn(in_process, (f"file://{tmp_path}/meeting", results), nprocs=2)
        decline, sparseness = counted(0, 1)
        for rank in range(2):
            assert results[rank][0] == decline
            assert results[rank][1] == pytest.approx(sparseness)
