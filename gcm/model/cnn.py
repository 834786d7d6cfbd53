"""The baseline: a plain CNN of GCM's size that sees centred images."""

from itertools import chain
from typing import Annotated

import torch
from annotated_types import MinLen
from torch import Tensor, nn

from gcm.data.spec import ImageSpec
from gcm.model.base import PooledClassifier
from gcm.model.encoder import trunk_layers
from gcm.model.layer import convolution_block
from gcm.types import Width


class Centring(nn.Module):
    """Subtracts each channel's mean over the training images from images `(B,C,H,W)` in [0,1]."""

    mean: Tensor

    def __init__(self, mean: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return images - self.mean


class CNN(PooledClassifier):
    """A plain CNN of GCM's size: the comparison network of the GCM paper (section 4.4), whose table 6 is lost.

    It is a reconstruction: GCM's encoder with one more 3x3 convolution of the last width, then global average pooling
    and one linear layer. For 32x32 images the last feature maps are 8x8. With 3 channels and 10 classes it has 0.9 %
    more parameters than GCM. Only this network centres its images.

    >>> from gcm.data import ImageSpec
    >>> from gcm.model import CNN
    >>> CNN(ImageSpec.of(channels=3, size=32, classes=10)).parameter_count()
    162778
    """

    any_size = True

    def __init__(
        self,
        spec: ImageSpec,
        widths: Annotated[tuple[Width, ...], MinLen(1)] = (16, 32, 64),
        conv_bias: bool = False,
    ) -> None:
        super().__init__(spec)
        last = widths[-1]
        self.trunk = nn.Sequential(
            Centring(spec.mean),
            *chain.from_iterable(trunk_layers(spec.channels, widths, conv_bias)),
            *convolution_block(last, last, bias=conv_bias),
            *convolution_block(last, last, kernel=1, bias=conv_bias),
        )
        self.linear = nn.Linear(last, len(spec.classes))

    def features(self, images: Tensor) -> Tensor:
        features: Tensor = self.trunk(images)  # (B,C,H,W) -> (B,D,H/4,W/4)
        return features
