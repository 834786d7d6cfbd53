"""Convolutional classifiers of torchvision serve as encoders: they give feature maps of every resolution."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from gcm.error import InputError, listed

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's channels, which torchvision's networks are made for."""
HEADS = ("avgpool", "classifier", "dropout", "fc", "head", "heads")
"""Torchvision's names for the layers after the feature maps."""
PROBE = 128
"""Height and width in pixels of the image by which resolutions are found out."""


class Backbone(nn.Module):
    """A backbone is the layers of a classifier up to its last feature maps.

    It takes images `(B,1|3,H,W)` in [0,1], whose size its coarsest resolution divides, to a list of feature maps: at
    full, half, quarter … resolution, of each the last before it is halved, None where there are none. Raises
    `InputError` for a network that torchvision does not have, or that makes no such maps (transformers).

    Attributes:
        channels: channels of the feature maps at full, half, quarter … resolution; 0: there are none.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, name: str, pretrained: bool, channels: int) -> None:
        super().__init__()
        if channels not in (1, 3):
            raise InputError(f"a backbone takes images of 1 or 3 channels, got {channels}")
        self.stages = nn.Sequential(*spatial_layers(network_called(name, pretrained)))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1), persistent=False)
        self.channels = self.probed(name)

    def forward(self, images: Tensor) -> list[Tensor | None]:
        """Return the feature maps of each resolution, beginning with the image's own."""
        found: list[Tensor | None] = [None] * len(self.channels)
        for features in self.walked(images):
            found[halvings(images, features)] = features
        return found

    def walked(self, images: Tensor) -> Iterator[Tensor]:
        """Yield the output of each stage."""
        features = (images.expand(-1, 3, -1, -1) - self.mean) / self.deviation
        for stage in self.stages:
            features = stage(features)
            yield features

    @torch.no_grad()
    def probed(self, name: str) -> list[int]:
        """Return the channels of each resolution, from an image that goes through."""
        training = self.training
        self.eval()
        image = torch.zeros(1, 3, PROBE, PROBE)
        try:
            shapes = [features.shape for features in self.walked(image)]
        except (RuntimeError, TypeError, ValueError, AssertionError):  # its layers do not follow one after the other
            shapes = []
        self.train(training)
        sizes = {PROBE // shape[2]: shape[1] for shape in shapes if len(shape) == 4}
        if not shapes or any(len(shape) != 4 or shape[2] != shape[3] or PROBE % shape[2] for shape in shapes):
            raise InputError(f"{name} cannot be a backbone: not every layer keeps or halves the image's size")
        return [sizes.get(2**level, 0) for level in range(max(sizes).bit_length())]


def halvings(images: Tensor, features: Tensor) -> int:
    """Return how often an image was halved on the way to its feature maps."""
    return (images.shape[2] // features.shape[2]).bit_length() - 1


def network_called(name: str, pretrained: bool) -> nn.Module:
    from torchvision import models
    from torchvision.models import get_model, list_models

    there = list_models(module=models)
    if name not in there:
        raise InputError(f"model.backbone must be a classifier of torchvision, got {name!r}; allowed: {listed(there)}")
    try:
        network: nn.Module = get_model(name, weights="DEFAULT" if pretrained else None)
    except OSError as error:
        raise InputError(
            f"the weights of {name} cannot be downloaded ({error}); begin at random: model.pretrained=false"
        ) from None
    return network


def spatial_layers(network: nn.Module) -> Iterator[nn.Module]:
    """Yield all layers before the head, one after the other."""
    for name, part in network.named_children():
        if name in HEADS:
            return
        yield from part.children() if type(part) is nn.Sequential else [part]
