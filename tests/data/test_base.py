"""What is true of any data set: what is wrong with a split shows before a training, not after it."""

import pytest
import torch

from gcm.data import ImageData, MemorySplit
from gcm.error import InputError


class HalfThere(ImageData):
    """Whose test images are damaged."""

    name = "half_there"

    def read(self, train):
        if not train:
            raise InputError("the test images are damaged")
        return MemorySplit(torch.zeros(8, 1, 2, 2, dtype=torch.uint8), torch.zeros(8).long())

    def class_names(self):
        return "a", "b"


def test_all_splits_are_read_before_a_training():
    with pytest.raises(InputError, match="the test images are damaged"):
        HalfThere(root="").check()
    with pytest.raises(InputError, match=r"data.val_size must be less than the 8"):
        HalfThere(root="", val_size=8).check()


@pytest.mark.parametrize(("val_size", "batch_size", "batches"), [(0, 3, 2), (0, 9, 1), (4, 3, 1), (0, 8, 1), (0, 1, 8)])
def test_batches_of_an_epoch_are_full(val_size, batch_size, batches):
    assert HalfThere(root="", val_size=val_size, batch_size=batch_size).batches_in_epoch == batches
