"""The convolutional trunk that GCM and the baseline CNN share."""

from collections.abc import Iterator, Sequence

from torch import nn

from gcm.error import InputError
from gcm.model.layer import convolution_block


def trunk_layers(channels: int, widths: Sequence[int], bias: bool) -> Iterator[list[nn.Module]]:
    """Three 3x3 convolution blocks of each width; every width after the first begins by halving the size."""
    if len(widths) < 1 or min(widths) < 1:
        raise InputError(f"widths must be positive numbers of channels, one for each resolution, got {list(widths)}")
    inputs = channels
    for resolution, width in enumerate(widths):
        for layer in range(3):
            halve = resolution > 0 and layer == 0
            yield convolution_block(inputs, width, stride=2 if halve else 1, bias=bias)
            inputs = width
