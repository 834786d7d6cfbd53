"""Generative Contribution Mappings: the picture is the classification."""

from itertools import chain
from typing import Annotated

from annotated_types import Ge, Le
from torch import Tensor, nn

from gcm.data.spec import ImageSpec
from gcm.model.contribution_mapping import ContributionMapping
from gcm.model.decoder import Decoder
from gcm.model.encoder import trunk_layers
from gcm.model.layer import convolution_block
from gcm.types import Width


class GCM(ContributionMapping):
    """GCM makes a weight map for each class and multiplies it with the image; the mean of that product is the class
    score.

    Source: "Intuitive visualization method for image classification using convolutional neural networks", IPSJ TOM
    10-2, 2017; equations 1 to 5. The layer plan is a reconstruction of the lost table 3: layers 1 to 9 are
    `trunk_layers`, layer 10 is a 1x1 convolution, layers 11 to 15 are the decoder. Images are in [0,1], not centred;
    images of another size than the spec's work too.

    Args:
        spec: the images and classes.
        widths: channels at full, half and quarter resolution.
        shared_depth: how many of the decoder's first four layers are one for all classes; 0: a decoder for each.
        clipped: whether a ReLU follows the last layer, so that class weight maps are never negative (section 4.3).
        conv_bias: biases also in convolutions that batch normalisation follows.

    >>> from gcm.data import ImageSpec
    >>> from gcm.model import GCM
    >>> spec = ImageSpec.of(channels=3, size=32, classes=10)
    >>> GCM(spec).parameter_count(), GCM(spec, conv_bias=True).parameter_count()
    (161338, 161834)
    """

    def __init__(
        self,
        spec: ImageSpec,
        widths: tuple[Width, Width, Width] = (16, 32, 64),
        shared_depth: Annotated[int, Ge(0), Le(4)] = 4,
        clipped: bool = False,
        conv_bias: bool = False,
    ) -> None:
        super().__init__(spec, clipped)
        last = widths[-1]
        self.encoder = nn.Sequential(
            *chain.from_iterable(trunk_layers(spec.channels, widths, conv_bias)),
            *convolution_block(last, last, kernel=1, bias=conv_bias),
        )
        self.decoder = Decoder(widths, len(spec.classes), shared_depth, conv_bias)

    def decode(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        decoded: Tensor = self.decoder(self.encoder(images), (height, width))
        return decoded
