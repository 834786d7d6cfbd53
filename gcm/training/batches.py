"""A data set's splits become batches as Lightning wants them: one share for each process."""

from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader

from gcm.data.base import Batch, ImageData, Split
from gcm.data.batch_size import suitable_batch_size
from gcm.data.loader import OrderedBatches, ShuffledBatches, loader
from gcm.training.trainer import batches_of_this_epoch


class ImageBatches(LightningDataModule):
    """Training batches come in an order that `seed` and the epoch fix; validation and test images each exactly once."""

    def __init__(self, data: ImageData, seed: int = 0) -> None:
        super().__init__()
        self.data = data
        self.seed = seed

    def train_dataloader(self) -> DataLoader[Batch]:
        split = self.data.train
        size = self.data.batch_size or suitable_batch_size(len(split))
        batches = ShuffledBatches(len(split), size, self.seed, self._place, *self._share(), self.data.whole_epochs)
        return loader(split, batches, self.data.workers)

    def val_dataloader(self) -> DataLoader[Batch] | list[None]:
        return self._in_order(self.data.validation) if self.data.validated else []

    def test_dataloader(self) -> DataLoader[Batch]:
        return self._in_order(self.data.test)

    def _in_order(self, split: Split) -> DataLoader[Batch]:
        return loader(split, OrderedBatches(len(split), self.data.images_at_once, *self._share()), self.data.workers)

    def _share(self) -> tuple[int, int]:
        """Return this process's number, and how many there are."""
        assert self.trainer is not None
        return self.trainer.global_rank, self.trainer.world_size

    def _place(self) -> tuple[int, int]:
        """Return the epoch that comes or runs, and how many of its batches were had before a training that goes on
        within it.

        Both come from Lightning's loops: while it restores them, `trainer.current_epoch` is still the epoch before.
        """
        assert self.trainer is not None
        epoch: int = self.trainer.fit_loop.epoch_progress.state_dict()["current"]["processed"]
        return epoch, batches_of_this_epoch(self.trainer)
