"""How many images are in a batch, and how many batches in an epoch."""

from math import ceil

SMALLEST, LARGEST = 8, 128
"""Images, where the number is not chosen. Batch normalization needs some."""


def batches_of(images: int, batch_size: int, whole: bool) -> int:
    """In an epoch that has all images; else one of full batches, or a single smaller one."""
    return ceil(images / batch_size) if whole else max(1, images // batch_size)


def suitable_batch_size(images: int) -> int:
    """For so many training images: sixteen batches an epoch, or more where these would be larger than 128."""
    return min(max(images // 16, SMALLEST), LARGEST)
