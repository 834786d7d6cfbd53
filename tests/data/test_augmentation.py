"""Random shifts and mirror images."""

import pytest
import torch
from torch.nn import functional as F

from gcm.data.augmentation import shifted_and_flipped, with_erased_square
from gcm.data.loader import seeded_generator


def generator(seed=0):
    return seeded_generator("cpu", seed)


def numbered(count=64, channels=2, height=5, width=7):
    return torch.arange(count * channels * height * width).view(count, channels, height, width)


@pytest.mark.parametrize("padding", [0, 1, 3])
@pytest.mark.parametrize("flip", [False, True])
def test_every_result_is_a_crop_of_the_padded_image_or_of_its_mirror(padding, flip):
    images = numbered()
    results = shifted_and_flipped(images, padding, flip, generator())
    padded = F.pad(images.double(), (padding,) * 4, mode="reflect").long()
    found = set()
    for image, result in zip(padded, results, strict=True):
        matches = {
            (dy, dx, mirrored)
            for dy in range(2 * padding + 1)
            for dx in range(2 * padding + 1)
            for mirrored in ({False, True} if flip else {False})
            if torch.equal(crop_of(image, dy, dx, mirrored), result)
        }
        assert matches
        found |= matches
    if padding == 1:
        assert {(dy, dx) for dy, dx, _ in found} == {(dy, dx) for dy in range(3) for dx in range(3)}
    assert {mirrored for _, _, mirrored in found} == ({False, True} if flip else {False})


def crop_of(image, dy, dx, mirrored):
    crop = image[:, dy : dy + 5, dx : dx + 7]
    return crop.flip(2) if mirrored else crop


def test_nothing_to_do_returns_the_images():
    images = numbered()
    assert shifted_and_flipped(images, 0, False, generator()) is images


def test_it_is_seeded():
    images = numbered()
    first = shifted_and_flipped(images, 2, True, generator(1))
    assert torch.equal(first, shifted_and_flipped(images, 2, True, generator(1)))
    assert not torch.equal(first, shifted_and_flipped(images, 2, True, generator(2)))


def test_it_works_on_uint8_and_any_layout():
    images = torch.randint(256, (8, 3, 6, 6), dtype=torch.uint8)
    first = shifted_and_flipped(images, 2, True, generator())
    second = shifted_and_flipped(images.contiguous(memory_format=torch.channels_last), 2, True, generator())
    assert first.dtype == torch.uint8
    assert torch.equal(first, second)


@pytest.mark.parametrize("size", [1, 4, 5])
def test_an_erased_square_is_black_and_all_else_untouched(size):
    images = numbered(count=2000, height=12, width=9) + 1
    results = with_erased_square(images, size, generator())
    erased = results == 0
    assert torch.equal(results[~erased], images[~erased])
    assert torch.equal(erased[:, 0], erased[:, 1])
    rows, columns = erased[:, 0].any(2).sum(1), erased[:, 0].any(1).sum(1)
    assert torch.equal(erased[:, 0].sum((1, 2)), rows * columns)  # a rectangle without gaps
    assert rows.max() == columns.max() == size
    assert rows.min() >= size // 2  # cut off at the border at most by half
    assert erased[:, 0].any(0).all()  # it comes everywhere


def test_no_square_draws_nothing():
    source = generator()
    images = numbered()
    assert with_erased_square(images, 0, source) is images
    assert torch.equal(torch.rand(3, generator=source), torch.rand(3, generator=generator()))
