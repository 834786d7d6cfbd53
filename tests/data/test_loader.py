"""Batches, shuffled for training and in order for evaluation."""

import pytest
import torch

from gcm.data import MemorySplit
from gcm.data.loader import OrderedBatches, ShuffledBatches, loader, seeded_generator


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_evaluation_sees_every_image_exactly_once(processes):
    seen = torch.cat([torch.cat(list(OrderedBatches(50, 8, rank, processes))) for rank in range(processes)])
    assert seen.sort().values.tolist() == list(range(50))


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_training_gives_every_process_equally_many_full_batches(processes):
    batches = [list(ShuffledBatches(50, 8, 0, lambda: (0, 0), rank, processes)) for rank in range(processes)]
    assert {len(batch) for part in batches for batch in part} == {8}
    assert {len(part) for part in batches} == {50 // processes // 8}
    assert len(ShuffledBatches(50, 8, 0, lambda: (0, 0), 0, processes)) == 50 // processes // 8
    seen = torch.cat([batch for part in batches for batch in part]).tolist()
    assert len(seen) == len(set(seen))


def test_fewer_images_than_a_batch_make_one_batch():
    assert [len(batch) for batch in ShuffledBatches(5, 8, 0, lambda: (0, 0))] == [5]


@pytest.mark.parametrize(("count", "batch_size", "sizes"), [
    (192, 128, [96, 96]), (197, 12, [12] * 10 + [11] * 7), (129, 128, [65, 64]), (128, 128, [128]), (5, 8, [5]), (1, 8, [1]), (17, 16, [9, 8]),
])  # fmt: skip
def test_an_epoch_of_all_images_in_batches_nearly_alike(count, batch_size, sizes):
    batches = ShuffledBatches(count, batch_size, 0, lambda: (0, 0), whole=True)
    assert [len(batch) for batch in batches] == sizes
    assert len(batches) == len(sizes)
    assert torch.cat(list(batches)).sort().values.tolist() == list(range(count))


@pytest.mark.parametrize("processes", [2, 3])
def test_of_all_images_every_process_gets_equally_many(processes):
    batches = [
        list(ShuffledBatches(50, 8, 0, lambda: (0, 0), rank, processes, whole=True)) for rank in range(processes)
    ]
    assert len({tuple(len(batch) for batch in part) for part in batches}) == 1
    seen = torch.cat([batch for part in batches for batch in part]).tolist()
    assert len(seen) == len(set(seen)) == 50 // processes * processes
    rest = list(ShuffledBatches(50, 8, 0, lambda: (0, 2), 0, processes, whole=True))
    assert [batch.tolist() for batch in rest] == [batch.tolist() for batch in batches[0][2:]]


def test_the_order_follows_seed_and_epoch():
    def order(seed, epoch):
        return torch.cat(list(ShuffledBatches(64, 8, seed, lambda: (epoch, 0)))).tolist()

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_a_loader_fetches_whole_batches():
    split = MemorySplit(torch.arange(12, dtype=torch.uint8).view(12, 1, 1, 1), torch.arange(12))
    batches = list(loader(split, OrderedBatches(12, 5)))
    assert [labels.tolist() for _, labels in batches] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]
    assert batches[2][0].flatten().tolist() == [10, 11]


def test_seeds_are_mixed():
    streams = {
        torch.rand(1, generator=seeded_generator("cpu", *numbers)).item()
        for numbers in [(0, 1), (1, 0), (1,), (0,), (0, 0)]
    }
    assert len(streams) == 5


def test_a_training_that_goes_on_within_an_epoch_gets_the_batches_it_has_not_had():
    whole = list(ShuffledBatches(50, 8, 0, lambda: (3, 0)))
    rest = list(ShuffledBatches(50, 8, 0, lambda: (3, 4)))
    assert [batch.tolist() for batch in rest] == [batch.tolist() for batch in whole[4:]]
