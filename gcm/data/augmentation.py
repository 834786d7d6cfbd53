"""Random shifts and mirror images of a whole batch at once, on the device where it lies."""

import torch
from torch import Generator, Tensor


def shifted_and_flipped(images: Tensor, crop_padding: int, flip: bool, generator: Generator) -> Tensor:
    """Each image shifted by up to `crop_padding` pixels and, if `flip`, mirrored left to right half of the time.

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
    """For each image, where the pixels of one axis come from: `(B,size)`, mirrored at both ends."""
    shift = torch.randint(-padding, padding + 1, (len(images), 1), generator=generator, device=images.device)
    positions = (torch.arange(size, device=images.device) + shift).abs()  # mirrored at 0
    return size - 1 - (size - 1 - positions).abs()  # mirrored at the far end
