"""The building block of the convolutional networks: convolution, batch normalisation, ReLU."""

from torch import nn


def convolution_block(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1, bias: bool = False
) -> list[nn.Module]:
    """Return a `kernel`x`kernel` convolution that keeps the size (stride 1) or halves it (stride 2), BN and ReLU.

    The bias is off by default: batch normalisation has its own.
    """
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=bias)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
