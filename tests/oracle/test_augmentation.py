"""Shifts, mirror images and erased squares equal loops over pixels, with the same draws."""

from collections import Counter

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle.case import few, seeds

from gcm.data.augmentation import shifted_and_flipped, with_erased_square
from gcm.data.loader import seeded_generator


def mirrored(place, size):
    """Reflected at the first and at the last place, which are not repeated."""
    while not 0 <= place < size:
        place = -place if place < 0 else 2 * (size - 1) - place
    return place


def shifted(image, down, right, flip):
    """At `(r,c)` the pixel at `(r + down, c + right)` of the image, or of its mirror image."""
    channels, height, width = image.shape
    moved = np.empty_like(image)
    for d, r, c in np.ndindex(channels, height, width):
        row, column = mirrored(r + down, height), mirrored(c + right, width)
        moved[d, r, c] = image[d, row, width - 1 - column if flip else column]
    return moved


@few
@given(st.integers(0, 3), st.booleans(), seeds)
def test_shifts_and_mirror_images(padding, flip, seed):
    images = torch.randint(256, (5, 2, 4, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    draws = seeded_generator("cpu", seed)
    rows, columns = (torch.randint(-padding, padding + 1, (5, 1), generator=draws).flatten() for _ in range(2))
    flips = torch.rand(5, 1, generator=draws).flatten() < 0.5 if flip else torch.zeros(5, dtype=torch.bool)
    found = shifted_and_flipped(images, padding, flip, seeded_generator("cpu", seed))
    moves = zip(images.numpy(), rows.tolist(), columns.tolist(), flips.tolist(), strict=True)
    assert np.array_equal(found, [shifted(*move) for move in moves])


@few
@given(st.integers(1, 5), seeds)
def test_erased_squares(size, seed):
    images = torch.randint(1, 256, (5, 2, 4, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    draws = seeded_generator("cpu", seed)
    middles = [torch.randint(length, (5, 1), generator=draws).flatten().tolist() for length in (4, 6)]
    found = with_erased_square(images, size, seeded_generator("cpu", seed))
    for place, (row, column) in enumerate(zip(*middles, strict=True)):
        for d, r, c in np.ndindex(2, 4, 6):
            top, left = row - size // 2, column - size // 2
            inside = top <= r < top + size and left <= c < left + size
            assert found[place, d, r, c] == (0 if inside else images[place, d, r, c])


def test_every_shift_and_both_directions_are_equally_likely():
    """Chi square of 18 outcomes below its 0.9999 quantile."""
    image = torch.arange(35).view(1, 1, 5, 7)
    outcomes = {
        shifted(image[0].numpy(), down, right, flip).tobytes(): (down, right, flip)
        for down in (-1, 0, 1) for right in (-1, 0, 1) for flip in (False, True)
    }  # fmt: skip
    assert len(outcomes) == 18
    results = shifted_and_flipped(image.expand(9000, -1, -1, -1), 1, True, seeded_generator("cpu", 0))
    counts = Counter(outcomes[result.numpy().tobytes()] for result in results)
    assert sum((counts[outcome] - 500) ** 2 / 500 for outcome in outcomes.values()) < 47.6
