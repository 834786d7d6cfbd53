"""Splits made by hand, of what is no images and labels."""

import pytest
import torch

from gcm.data import MemorySplit
from gcm.error import InputError

BYTES, NUMBERS = torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 1])
WRONG_SPLITS = {
    "float images": (BYTES.float(), NUMBERS, r"stored images must be uint8 \(N,C,H,W\), got torch.float32 \(2, 1, 4, 4\)"),
    "signed images": (BYTES.to(torch.int8), NUMBERS, "stored images must be uint8"),
    "bool images": (BYTES.bool(), NUMBERS, "stored images must be uint8"),
    "no channels": (BYTES[:, 0], NUMBERS, r"stored images must be uint8 \(N,C,H,W\), got torch.uint8 \(2, 4, 4\)"),
    "images of numpy": (BYTES.numpy(), NUMBERS, "stored images must be .*got ndarray"),
    "images in a list": (BYTES.tolist(), NUMBERS, "stored images must be .*got list"),
    "float labels": (BYTES, NUMBERS.float(), r"labels must be int64 \(N,\), got torch.float32 \(2,\)"),
    "short labels": (BYTES, NUMBERS.int(), "labels must be int64"),
    "labels in a list": (BYTES, [0, 1], "labels must be int64 .*got list"),
    "labels one-hot": (BYTES, torch.eye(2).long(), r"labels must be int64 \(N,\), got torch.int64 \(2, 2\)"),
    "fewer labels": (BYTES, NUMBERS[:1], "each image must have a label, got 2 images and 1 labels"),
}  # fmt: skip


@pytest.mark.parametrize(("pixels", "numbers", "message"), WRONG_SPLITS.values(), ids=WRONG_SPLITS)
def test_splits_made_by_hand(pixels, numbers, message):
    with pytest.raises(InputError, match=message):
        MemorySplit(pixels, numbers)
