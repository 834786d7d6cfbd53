"""GCM and the baseline CNN share this convolutional trunk."""

from collections.abc import Iterator, Sequence

from torch import nn

from gcm.error import InputError
from gcm.model.layer import convolution_block


def trunk_layers(channels: int, widths: Sequence[int], bias: bool) -> Iterator[list[nn.Module]]:
    """Yield three 3x3 convolution blocks of each width; every width after the first begins by halving the size.

    Raises `InputError` where there is no width, or one below 1.
    """
    if len(widths) < 1 or min(widths) < 1:
        raise InputError(f"widths must be positive numbers of channels, one for each resolution, got {list(widths)}")
    inputs = channels
    for resolution, width in enumerate(widths):
        for layer in range(3):
            halve = resolution > 0 and layer == 0
            yield convolution_block(inputs, width, stride=2 if halve else 1, bias=bias)
            inputs = width
