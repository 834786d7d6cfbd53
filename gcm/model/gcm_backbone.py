"""GCM on a backbone of torchvision suits large images and many classes."""

from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import MinLen
from torch import Tensor, nn
from torch.nn import functional as F

from gcm.data.spec import ImageSpec
from gcm.model.backbone import Backbone
from gcm.model.contribution_mapping import ClassMapDecoder, ContributionMapping
from gcm.model.decoder import Enlarging
from gcm.model.layer import convolution_block
from gcm.types import Width


class GCMBackbone(ContributionMapping):
    """GCM on a backbone makes a weight map for each class from a known network's features, at the image's own
    resolution.

    The encoder is any convolutional classifier of torchvision without its head. From its coarsest feature maps the
    decoder doubles the resolution again and again; at each it also reads the encoder's finest maps of that resolution
    (skip connections). Scoring is GCM's: the mean of map times image. Time and memory of the scores do not depend on
    the number of classes. Raises `InputError` for a network that cannot be a backbone.

    Args:
        spec: the images, of 1 or 3 channels, and classes.
        backbone: its name in torchvision, such as resnet18, resnet50, convnext_tiny, mobilenet_v3_large.
        pretrained: begin with torchvision's best weights, which are downloaded; else at random.
        widths: channels of the decoder at full, half, quarter … resolution; the last serves all coarser ones.
        clipped: as in `GCM`.

    >>> import torch
    >>> from gcm.data import ImageSpec
    >>> from gcm.model import GCMBackbone
    >>> network = GCMBackbone(ImageSpec.of(channels=3, size=32, classes=5), "mobilenet_v3_small", widths=(4,)).eval()
    >>> network.class_weight_maps(torch.zeros(1, 3, 40, 24)).shape
    torch.Size([1, 5, 40, 24])
    """

    def __init__(
        self,
        spec: ImageSpec,
        backbone: str = "resnet18",
        pretrained: bool = False,
        widths: Annotated[tuple[Width, ...], MinLen(1)] = (16, 32, 64, 96, 128),
        clipped: bool = False,
    ) -> None:
        super().__init__(spec, clipped)
        self.encoder = Backbone(backbone, pretrained, spec.channels)
        self.decoder = SkipDecoder(self.encoder.channels, widths, len(spec.classes))

    def decode(self, images: Tensor) -> Tensor:
        """Decode an image that is enlarged by black pixels, which add nothing to a score, until the encoder can halve
        its size.
        """
        height, width = images.shape[2:]
        coarsest = 2 ** (len(self.encoder.channels) - 1)
        padded = F.pad(images, (0, -width % coarsest, 0, -height % coarsest))
        decoded: Tensor = self.decoder(self.encoder(padded))
        return decoded[:, :, :height, :width]


class SkipDecoder(ClassMapDecoder):
    """A decoder with skip connections makes the class layer's input from feature maps of each resolution.

    Args:
        channels: channels of the feature maps at full, half, quarter … resolution; 0: there are none.
        widths: channels of the decoder at these resolutions; the last serves all further ones.
    """

    def __init__(self, channels: Sequence[int], widths: Sequence[int], classes: int) -> None:
        super().__init__()
        made = [widths[min(level, len(widths) - 1)] for level in range(len(channels) - 1)] + [channels[-1]]
        finest_last = list(reversed(range(len(channels) - 1)))
        self.enlarge = nn.ModuleList(Enlarging(made[level + 1], made[level], 1, bias=False) for level in finest_last)
        self.narrow = nn.ModuleList(narrowing(channels[level], made[level]) for level in finest_last)
        self.convolve = nn.ModuleList(
            nn.Sequential(*convolution_block(made[level] * (2 if channels[level] else 1), made[level]))
            for level in finest_last
        )
        self.class_layer = nn.Conv2d(made[0], classes, 3, padding=1)

    def forward(self, features: Sequence[Tensor | None]) -> Tensor:
        """Return `(B,E,H,W)` from feature maps at full, half, quarter … resolution, None where there are none, the
        coarsest always.
        """
        decoded = features[-1]
        assert decoded is not None
        finer = reversed(features[:-1])
        for enlarge, narrow, convolve, skip in zip(self.enlarge, self.narrow, self.convolve, finer, strict=True):
            height, width = decoded.shape[2:]
            decoded = enlarge(decoded, (2 * height, 2 * width))
            if skip is not None:
                decoded = torch.cat([decoded, narrow(skip)], 1)
            decoded = convolve(decoded)
        return decoded


def narrowing(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(*convolution_block(inputs, outputs, kernel=1)) if inputs else nn.Identity()
