"""LeNet, and the tiny one with three filters a layer."""

from torch import nn

from gcm.data.spec import ImageSpec
from gcm.error import InputError
from gcm.model.path_network import PathNetwork
from gcm.types import Width


class LeNet(PathNetwork):
    """Convolution 5x5, ReLU, 2x2 max pooling, convolution 3x3, ReLU, 2x2 max pooling, one linear layer.

    The network of the filter-contribution paper. With filters (3, 3) and 28x28 grey images (28 -> 24 -> 12 -> 10 -> 5)
    it has 922 parameters; with LeNet's (6, 16) it has 5,046. `conv_bias`:
    whether the convolutions have biases.
    """

    def __init__(self, spec: ImageSpec, filters: tuple[Width, Width] = (3, 3), conv_bias: bool = True) -> None:
        height, width = (((size - 4) // 2 - 2) // 2 for size in (spec.height, spec.width))
        if min(height, width) < 1:
            raise InputError(f"LeNet needs images of at least 12x12 pixels, got {spec.height}x{spec.width}")
        first, second = filters
        super().__init__(
            spec,
            convolution1=nn.Conv2d(spec.channels, first, 5, bias=conv_bias),
            pooling1=nn.MaxPool2d(2),
            convolution2=nn.Conv2d(first, second, 3, bias=conv_bias),
            pooling2=nn.MaxPool2d(2),
            linear=nn.Linear(second * height * width, len(spec.classes)),
        )
