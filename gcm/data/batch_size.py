"""Batches have a size, and an epoch a number of batches."""

from math import ceil

SMALLEST, LARGEST = 8, 128
"""The fewest and the most images of a batch, where the number is not chosen; batch normalization needs some."""


def batches_of(images: int, batch_size: int, whole: bool) -> int:
    """Return the number of batches in an epoch that has all images; else of full batches, or a single smaller one."""
    return ceil(images / batch_size) if whole else max(1, images // batch_size)


def suitable_batch_size(images: int) -> int:
    """Return the batch size for so many training images: sixteen batches an epoch, or more where these would exceed
    128.
    """
    return min(max(images // 16, SMALLEST), LARGEST)
