"""Batches of a split are seeded, cut into one share for each process, and fetched whole."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from gcm.data.base import Batch, Split, as_pixels
from gcm.data.batch_size import batches_of
from gcm.progress import SILENT, Progress


class ShuffledBatches(Sampler[Tensor]):
    """Indices of training batches; the order depends on seed and epoch alone, so a resumed run sees the same batches.

    Every process gets equally many batches, all full; the images left over wait for another epoch. Only where there are
    fewer images than a batch holds is the one batch smaller. Where `whole`, none is left over for lack of a full batch:
    the batches are a little smaller, and nearly alike. `place` gives the epoch, and how many of its batches were had
    already, by a training that stopped within it; it is asked when the first batch is fetched.
    """

    def __init__(
        self,
        count: int,
        batch_size: int,
        seed: int,
        place: Callable[[], tuple[int, int]],
        rank: int = 0,
        processes: int = 1,
        whole: bool = False,
    ) -> None:
        self.count, self.batch_size, self.seed, self.rank, self.processes = count, batch_size, seed, rank, processes
        self.place, self.whole = place, whole

    def __len__(self) -> int:
        return batches_of(self.count // self.processes, self.batch_size, self.whole)

    def __iter__(self) -> Iterator[Tensor]:
        epoch, had = self.place()
        order = torch.randperm(self.count, generator=seeded_generator("cpu", self.seed, epoch))
        even = order[: self.count // self.processes * self.processes]
        own = even[self.rank :: self.processes]
        batches = own.tensor_split(len(self)) if self.whole else own.split(self.batch_size)
        yield from batches[had : len(self)]


class OrderedBatches(Sampler[Tensor]):
    """Indices of batches for evaluation: every image exactly once over all processes."""

    def __init__(self, count: int, batch_size: int, rank: int = 0, processes: int = 1) -> None:
        self.batches = torch.arange(count)[rank::processes].split(batch_size)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.batches)


def loader(split: Split, batches: Sampler[Tensor], workers: int = 0) -> DataLoader[Batch]:
    return DataLoader(
        split,
        sampler=batches,
        batch_size=None,
        num_workers=workers,
        persistent_workers=workers > 0,
        generator=torch.Generator(),  # for the workers' seed, which would be drawn from PyTorch's own
    )


def pixel_batches(
    split: Split,
    batch_size: int,
    device: torch.device,
    what: str,
    progress: Progress = SILENT,
    rank: int = 0,
    processes: int = 1,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the images of a split batch by batch, in their order, as networks take them, and their labels.

    Images are `(B,C,H,W)`, float in [0,1], labels `(B,)`, both on `device`. `what` says what is done with them, for
    `progress`. Each of several processes, numbered by `rank`, gets its share of the images.
    """
    batches = OrderedBatches(len(split), batch_size, rank, processes)
    for images, labels in progress.over(loader(split, batches), what, len(batches)):
        yield as_pixels(images, device), labels.to(device)


def seeded_generator(device: torch.device | str, *numbers: int) -> torch.Generator:
    """Return a generator whose stream depends on all the numbers, mixed so that (1, 2) and (2, 1) differ."""
    seed = 0
    for number in numbers:
        seed = (seed * 1_000_003 + number + 0x9E3779B9) % 2**63
    return torch.Generator(device).manual_seed(seed)
