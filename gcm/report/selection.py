"""The test images of a figure are chosen by rule, not by taste."""

import torch
from torch import Tensor

RULE = (
    "Images by rule, in the order of the test set: the first that are right, the right ones with the highest and the "
    "lowest probability of the named class, the first that are wrong."
)


def first_right(right: Tensor, count: int) -> Tensor:
    """Return the places of the first `count` of the images `(N,)` that are right."""
    return right.nonzero().flatten()[:count]


def first_wrong(right: Tensor, count: int) -> Tensor:
    return first_right(~right, count)


def first_right_of_each_class(right: Tensor, labels: Tensor, classes: int, count: int = 1) -> Tensor:
    """Return `count` places for each class, class by class."""
    return torch.cat([first_right(right & (labels == number), count) for number in range(classes)])


def certain_and_uncertain(logits: Tensor, right: Tensor) -> Tensor:
    """Return of the right images the one with the highest probability of its class, and the one with the lowest."""
    probability = logits.double().softmax(1).amax(1)
    most = probability.masked_fill(~right, -1).argmax()
    least = probability.masked_fill(~right, 2).argmin()
    return torch.stack([most, least])
