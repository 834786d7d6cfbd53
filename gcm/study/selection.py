"""A study looks at some of the images."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gcm.error import InputError

MOST_IMAGES = 1000
"""The most images of each class, where nobody says how many; as in the filter-contribution paper's studies."""


def first_of_each_class(
    labels: Tensor, classes: Sequence[str], count: int | None, wanted: Sequence[int] | None = None
) -> Tensor:
    """Return places of the first `count` images of each of the `wanted` classes in the split, `(K,count)`; None: of
    all.

    `count` None: as many as every class has that has any, at most `MOST_IMAGES`. Raises `InputError` where a class has
    fewer.
    """
    if count is None:
        counts = torch.bincount(labels, minlength=len(classes))
        count = min(MOST_IMAGES, int(counts[counts > 0].min()))
    chosen = range(len(classes)) if wanted is None else wanted
    places = [(labels == index).nonzero().flatten() for index in chosen]
    fewest = min(map(len, places))
    for index, found in zip(chosen, places, strict=True):
        if len(found) < count:
            raise InputError(
                f"class {classes[index]} has {len(found)} images in this split, got "
                f"images_per_class={count}; at most {fewest}"
            )
    return torch.stack([found[:count] for found in places])
