"""LeNet, and the tiny one with three filters a layer: every logit splits exactly into contributions of filter paths."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gcm.data.spec import ImageSpec
from gcm.error import InputError
from gcm.model.base import Contributions, FeatureClassifier, Interpretable, for_targets
from gcm.setting import PositiveCount


class LeNet(FeatureClassifier, Interpretable):
    """Convolution 5x5, ReLU, 2x2 max pooling, convolution 3x3, ReLU, 2x2 max pooling, one linear layer.

    The network of the filter-contribution paper. With filters (3, 3) and 28x28 grey images (28 -> 24 -> 12 -> 10 -> 5)
    it has 922 parameters; with LeNet's (6, 16) it has 5,046.
    """

    def __init__(self, spec: ImageSpec, filters: tuple[PositiveCount, PositiveCount] = (3, 3)) -> None:
        super().__init__(spec)
        height, width = (((size - 4) // 2 - 2) // 2 for size in (spec.height, spec.width))
        if min(height, width) < 1:
            raise InputError(f"LeNet needs images of at least 12x12 pixels, got {spec.height}x{spec.width}")
        first, second = filters
        self.convolution1 = nn.Conv2d(spec.channels, first, 5)
        self.convolution2 = nn.Conv2d(first, second, 3)
        self.linear = nn.Linear(second * height * width, len(spec.classes))

    def first_maps(self, images: Tensor) -> Tensor:
        """The first layer's maps after pooling, `(B,F1,h,w)`."""
        return F.max_pool2d(F.relu(self.convolution1(images)), 2)

    def features(self, images: Tensor) -> Tensor:
        """The second layer's maps before pooling, `(B,F2,h,w)`, the last that a convolution made."""
        return F.relu(self.convolution2(self.first_maps(images)))

    def head(self, features: Tensor) -> Tensor:
        logits: Tensor = self.linear(F.max_pool2d(features, 2).flatten(1))
        return logits

    def contributions(self, images: Tensor, targets: Tensor | None = None) -> Contributions:
        """What each path "first-layer filter i, then second-layer filter j" brings to each class.

        The network is linear once its ReLUs and poolings are switched as the image switches them. Returned are `parts`
        `(B,K,F1,F2)` and `rest` `(B,K)`, the share of the second convolution's and the linear layer's biases (the first
        convolution's bias acts through its filter and is counted there). A tie in a pooling window goes to the pixel
        that the pooling itself takes.
        """
        self.check_images(images)
        maps1 = self.first_maps(images)
        path_maps = self._path_maps(maps1)  # (B,F1,F2,h,w)
        bias2 = self.convolution2.bias
        maps2 = F.relu(self.convolution2(maps1))
        pooled, winners = F.max_pool2d(maps2, 2, return_indices=True)  # both (B,F2,h/2,w/2)
        open_switch = (pooled > 0).flatten(2)  # (B,F2,P)
        winners = winners.flatten(2).unsqueeze(1).expand(-1, path_maps.shape[1], -1, -1)  # (B,F1,F2,P)
        passed = path_maps.flatten(3).gather(3, winners) * open_switch.unsqueeze(1)  # (B,F1,F2,P)
        weight = self.linear.weight.view(len(self.spec.classes), *open_switch.shape[1:])  # (K,F2,P)
        parts = torch.einsum("bijp,kjp->bkij", passed, weight)
        assert bias2 is not None
        rest = torch.einsum("bjp,kjp,j->bk", open_switch.to(weight.dtype), weight, bias2) + self.linear.bias
        logits = self.linear(pooled.flatten(1))
        if targets is not None:
            parts, rest = for_targets(parts, targets), for_targets(rest, targets)
        return Contributions(logits, parts, rest)

    def _path_maps(self, maps1: Tensor) -> Tensor:
        """What each first-layer map alone puts into each second-layer map, without bias: `(B,F1,F2,h,w)`."""
        second, first, *kernel = self.convolution2.weight.shape
        one_by_one = self.convolution2.weight.transpose(0, 1).reshape(first * second, 1, *kernel)
        paths: Tensor = F.conv2d(maps1, one_by_one, groups=first).unflatten(1, (first, second))
        return paths
