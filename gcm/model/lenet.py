"""LeNet, and the tiny one with three filters a layer."""

from torch import nn

from gcm.data.spec import ImageSpec
from gcm.error import InputError
from gcm.model.path_network import PathNetwork
from gcm.types import Width


class LeNet(PathNetwork):
    """LeNet is a path network: convolution 5x5, convolution 3x3, each with ReLU and 2x2 max pooling, and one linear
    layer.

    It is the network of the filter-contribution paper. `conv_bias` gives the convolutions biases. Raises `InputError`
    for images smaller than 12x12.

    >>> from gcm.data import ImageSpec
    >>> from gcm.model import LeNet
    >>> spec = ImageSpec.of(channels=1, size=28, classes=10)  # 28 -> 24 -> 12 -> 10 -> 5
    >>> LeNet(spec, filters=(3, 3)).parameter_count(), LeNet(spec, filters=(6, 16)).parameter_count()
    (922, 5046)
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
