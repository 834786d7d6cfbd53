"""Contribution mapping makes a weight map for each class; the mean of its product with the image is the score."""

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gcm.data.spec import ImageSpec
from gcm.model.base import Contributions, Interpretable, for_targets


class ClassMapDecoder(nn.Module):
    """A decoder ends in a 3x3 convolution, `class_layer`, to one map for each class.

    Attributes:
        shared: whether all classes read the same input, so that scores need no maps.
    """

    shared = True
    class_layer: nn.Conv2d

    def class_maps(self, decoded: Tensor, targets: Tensor | None) -> Tensor:
        """Apply the class layer: `(B,E,H,W)` to `(B,K,H,W)`, or `(B,T,H,W)` computed for the target classes alone."""
        if targets is None or not self.shared:
            maps: Tensor = self.class_layer(decoded)
            return maps if targets is None else for_targets(maps, targets)
        weight, bias = self.class_layer.weight[targets], self.class_layer.bias[targets]  # type: ignore[index]
        if targets.ndim == 1:
            return F.conv2d(decoded, weight, bias, padding=1)
        images, classes = targets.shape
        side_by_side = decoded.flatten(0, 1).unsqueeze(0)  # (B,E,H,W) -> (1,B*E,H,W): a group for each image
        maps = F.conv2d(side_by_side, weight.flatten(0, 1), bias.flatten(), padding=1, groups=images)
        return maps.view(images, classes, *decoded.shape[2:])


class ContributionMapping(Interpretable):
    """A contribution mapping makes scores and maps from a decoded image; images of another size than the spec's work
    too.

    Source: "Intuitive visualization method for image classification using convolutional neural networks", IPSJ TOM
    10-2, 2017; equations 1 to 5. Subclasses set `decoder` and say how to `decode`.

    Args:
        spec: the images and classes.
        clipped: whether a ReLU follows the last layer, so that class weight maps are never negative (section 4.3).

    >>> import gcm, torch
    >>> network, image = gcm.load("gcm_digits"), torch.full((1, 1, 32, 32), 0.5)
    >>> maps = network.class_contribution_maps(image)  # (B,K,C,H,W)
    >>> torch.allclose(maps.mean((2, 3, 4)), network(image), rtol=1e-3)
    True
    """

    any_size = True
    decoder: ClassMapDecoder

    def __init__(self, spec: ImageSpec, clipped: bool) -> None:
        super().__init__(spec)
        self.clipped = clipped

    @abstractmethod
    def decode(self, images: Tensor) -> Tensor:
        """Return the class layer's input, `(B,E,H,W)`: all that `scores` and `decoded_weight_maps` need.

        It is given a copy of the images, and may change it.
        """

    def forward(self, images: Tensor) -> Tensor:
        self.check_images(images)
        return self.scores(images, self.decode(images.clone()))

    def class_weight_maps(self, images: Tensor, targets: Tensor | None = None) -> Tensor:
        """Return the class weight maps (CWM): signed, `(B,K,H,W)` of every class, or `(B,T,H,W)` of targets `(T,)` or
        `(B,T)`.
        """
        self.check_images(images)
        self.check_targets(targets, images)
        return self.decoded_weight_maps(self.decode(images.clone()), targets)

    def class_contribution_maps(self, images: Tensor, targets: Tensor | None = None) -> Tensor:
        """Return the class contribution maps (CCM): weight map times image, `(B,K,C,H,W)`.

        The average over the last three axes is the class score.
        """
        return self.class_weight_maps(images, targets).unsqueeze(2) * images.unsqueeze(1)

    def contributions(self, images: Tensor, targets: Tensor | None = None) -> Contributions:
        """Return parts `(B,K,C,H,W)`: what each value of the image adds to each score, CCM / (C*H*W). Nothing is left
        over.
        """
        self.check_images(images)
        self.check_targets(targets, images)
        decoded = self.decode(images.clone())
        maps = self.decoded_weight_maps(decoded, targets)
        parts = maps.unsqueeze(2) * (images / images.shape[1:].numel()).unsqueeze(1)  # (B,K,1,H,W) * (B,1,C,H,W)
        return Contributions(self.scores(images, decoded), parts, parts.new_zeros(parts.shape[:2]))

    def decoded_weight_maps(self, decoded: Tensor, targets: Tensor | None = None) -> Tensor:
        """Return the class weight maps from `decode`'s result."""
        maps = self.decoder.class_maps(decoded, targets)
        return F.relu(maps) if self.clipped else maps

    def scores(self, images: Tensor, decoded: Tensor) -> Tensor:
        """Return the class scores `(B,K)` from `decode`'s result, equations 3 and 4.

        The mean over the channels is taken first, since every channel has the same weight.
        """
        brightness = images.mean(1)  # (B,C,H,W) -> (B,H,W)
        with torch.autocast(images.device.type, enabled=False):
            if self.decoder.shared and not self.clipped:
                return self._scores_without_maps(brightness, decoded.to(brightness.dtype))
            maps = self.decoded_weight_maps(decoded.to(brightness.dtype))
            return torch.einsum("bkhw,bhw->bk", maps, brightness) / brightness.shape[1:].numel()

    def _scores_without_maps(self, brightness: Tensor, decoded: Tensor) -> Tensor:
        """Return the scores without making any map: class layer and average are both linear, so their order may be
        exchanged.

        The average of `brightness * conv(decoded, w)` is the inner product of `w`, spatially flipped, with how
        `decoded` correlates with the 3x3 neighbourhoods of `brightness`. Time and memory do not depend on the number of
        classes.
        """
        layer = self.decoder.class_layer
        around = neighbourhoods(brightness)  # (B,H,W) -> (B,9,HW)
        correlation = around @ decoded.flatten(2).transpose(1, 2) / around.shape[2]  # (B,9,E)
        weight = layer.weight.flip(2, 3).permute(0, 2, 3, 1).flatten(1)  # (K,E,3,3) -> (K,9E)
        assert layer.bias is not None
        return F.linear(correlation.flatten(1), weight) + brightness.mean((1, 2)).unsqueeze(1) * layer.bias


def neighbourhoods(values: Tensor) -> Tensor:
    """Return each place's 3x3 neighbourhood, 0 beyond the border: `(B,H,W)` to `(B,9,H*W)`; `F.unfold` is slower."""
    height, width = values.shape[1:]
    padded = F.pad(values, (1, 1, 1, 1))
    shifted = [padded[:, row : row + height, column : column + width] for row in range(3) for column in range(3)]
    return torch.stack(shifted, 1).flatten(2)
