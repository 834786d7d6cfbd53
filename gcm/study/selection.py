"""Which images a study looks at."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gcm.error import InputError


def first_of_each_class(labels: Tensor, classes: Sequence[str], count: int) -> Tensor:
    """Places in the split of the first `count` images of each class, `(K,count)`.

    Raises `InputError` where a class has fewer.
    """
    places = [(labels == index).nonzero().flatten() for index in range(len(classes))]
    for name, found in zip(classes, places, strict=True):
        if len(found) < count:
            fewest = min(map(len, places))
            raise InputError(
                f"class {name} has {len(found)} images in this split, got images_per_class={count}; "
                f"at most {fewest}, or choose another split"
            )
    return torch.stack([found[:count] for found in places])
