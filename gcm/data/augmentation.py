"""Random shifts, mirror images and erased squares of a whole batch at once, on the device where it lies."""

import torch
from torch import Generator, Tensor


def shifted_and_flipped(images: Tensor, crop_padding: int, flip: bool, generator: Generator) -> Tensor:
    """Shift each image by up to `crop_padding` pixels and, if `flip`, mirror it left to right half of the time.

    The border is filled by mirroring (as `reflect` padding does), so no colour is invented. Takes and returns
    `(B,C,H,W)` of any dtype; every pixel of the result is a pixel of the image. One gather does all of it.
    """
    if not crop_padding and not flip:
        return images
    _, _, height, width = images.shape
    rows = shifted_positions(images, height, crop_padding, generator)  # (B,H)
    columns = shifted_positions(images, width, crop_padding, generator)  # (B,W)
    if flip:
        mirrored = torch.rand(len(images), 1, generator=generator, device=images.device) < 0.5
        columns = torch.where(mirrored, width - 1 - columns, columns)
    pixels = (rows.unsqueeze(2) * width + columns.unsqueeze(1)).flatten(1)  # (B,H), (B,W) -> (B,H*W)
    return images.flatten(2).gather(2, pixels.unsqueeze(1).expand(-1, images.shape[1], -1)).view_as(images)


def shifted_positions(images: Tensor, size: int, padding: int, generator: Generator) -> Tensor:
    """Return for each image where the pixels of one axis come from: `(B,size)`, mirrored at both ends."""
    shift = torch.randint(-padding, padding + 1, (len(images), 1), generator=generator, device=images.device)
    positions = (torch.arange(size, device=images.device) + shift).abs()  # mirrored at 0
    return size - 1 - (size - 1 - positions).abs()  # mirrored at the far end


def with_erased_square(images: Tensor, size: int, generator: Generator) -> Tensor:
    """Blacken in each image `(B,C,H,W)` a square of `size` pixels around a random pixel, cut off at the border.

    Source: DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout", 2017.
    """
    if not size:
        return images
    height, width = images.shape[2:]
    rows = in_random_window(images, height, size, generator)  # (B,H)
    columns = in_random_window(images, width, size, generator)  # (B,W)
    return images.masked_fill((rows.unsqueeze(2) & columns.unsqueeze(1)).unsqueeze(1), 0)


def in_random_window(images: Tensor, length: int, size: int, generator: Generator) -> Tensor:
    """Return for each image which places of an axis lie within `size` places around a random one: `(B,length)`."""
    first = torch.randint(length, (len(images), 1), generator=generator, device=images.device) - size // 2
    places = torch.arange(length, device=images.device)
    return (places >= first) & (places < first + size)
