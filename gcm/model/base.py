"""Every network of the zoo is a classifier that knows the images it takes.

Networks are plain `torch.nn.Module`s; `gcm.training.ClassifierTraining` is the one LightningModule around them. So a
trained network can be used, exported or visited by a visualizer without importing Lightning (seconds).
"""

from abc import ABC, abstractmethod
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from gcm.data.spec import ImageSpec
from gcm.error import InputError
from gcm.tensor_check import check_matches_weights, check_pixels, check_range, check_targets, described, is_float

if TYPE_CHECKING:
    from gcm.zoo import Card


class Classifier(nn.Module, ABC):
    """A classifier takes images `(B,C,H,W)`, float in [0,1], to logits `(B,K)`.

    >>> import gcm, torch
    >>> network = gcm.load("gcm_digits")
    >>> network.spec.shape, tuple(network(torch.zeros(2, 1, 32, 32)).shape)
    ((1, 32, 32), (2, 10))
    """

    any_size = False
    """Whether images may be of another height and width than the spec says."""

    card: "Card | None" = None
    """The card that says where its weights come from, if `gcm.load` gave them."""

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__()
        self.spec = spec

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor: ...

    def check_images(self, images: Tensor) -> None:
        """Raise `InputError` unless `images` are what this network takes.

        Values are not looked at: a network is a function of all numbers, and explanation methods rightly ask it about
        images with noise or beyond [0,1]. NaN in an image makes its logits NaN. Visualizers and studies look at values.
        """
        channels, height, width = self.spec.shape
        allowed = f"(B,{channels},H,W)" if self.any_size else f"(B,{channels},{height},{width})"
        fits = is_float(images) and images.ndim == 4 and images.shape[1] == channels and min(images.shape[2:]) > 0
        if not fits or not (self.any_size or images.shape[2:] == (height, width)):
            raise InputError(f"{type(self).__name__} takes float images {allowed} in [0,1], got {described(images)}")
        check_matches_weights(images, self)

    def check_targets(self, targets: Tensor | None, images: Tensor) -> None:
        """Raise `InputError` unless `targets` are None, or classes `(T,)` or `(B,T)`."""
        if targets is not None:
            check_targets(targets, len(images))
            check_range("targets", targets, len(self.spec.classes))

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())

    def multiplications(self) -> int:
        """Count the multiply-accumulates of convolutions and matrix products for the scores of one image of the spec's
        size.
        """
        from torch.utils.flop_counter import FlopCounterMode

        copy = deepcopy(self).cpu().float().eval()
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            copy(torch.zeros(1, *self.spec.shape))
        return int(counter.get_total_flops()) // 2


class FeatureClassifier(Classifier):
    """A feature classifier works in two steps: `logits = head(features(images))`.

    Class activation maps and Grad-CAM then need neither hooks nor layer names.

    >>> import gcm, torch
    >>> network, image = gcm.load("cnn_digits"), torch.zeros(1, 1, 32, 32)
    >>> tuple(network.features(image).shape)
    (1, 64, 8, 8)
    >>> torch.equal(network.head(network.features(image)), network(image))
    True
    """

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """Return the feature maps `(B,D,h,w)` of the last convolution, after its activation."""

    @abstractmethod
    def head(self, features: Tensor) -> Tensor:
        """Return the logits `(B,K)` of feature maps `(B,D,h,w)`."""

    def forward(self, images: Tensor) -> Tensor:
        self.check_images(images)
        return self.head(self.features(images))


class PooledClassifier(FeatureClassifier):
    """A pooled classifier is a feature classifier whose head is global average pooling and one linear layer.

    So CAM applies. Subclasses set `linear`, a `Linear(D,K)`.

    >>> import gcm, torch
    >>> network, image = gcm.load("cnn_digits"), torch.zeros(1, 1, 32, 32)
    >>> torch.equal(network.linear(network.features(image).mean((2, 3))), network(image))
    True
    """

    linear: nn.Linear

    def head(self, features: Tensor) -> Tensor:
        logits: Tensor = self.linear(features.mean((2, 3)))  # (B,D,h,w) -> (B,D) -> (B,K)
        return logits


@dataclass(frozen=True)
class Contributions:
    """A network's own account of its logits: `logits = parts summed over all axes but (B,K) + rest`.

    Attributes:
        logits: scores of all classes, `(B,K)`.
        parts: `(B,K,…)`, or `(B,T,…)` where only `T` target classes were asked for.
        rest: the biases' share, `(B,K)` or `(B,T)`.

    >>> import gcm, torch
    >>> account = gcm.load("tiny_lenet_digits").contributions(torch.ones(1, 1, 32, 32))
    >>> tuple(account.parts.shape)  # images, classes, filters of the first and of the second layer
    (1, 10, 3, 3)
    >>> torch.allclose(account.parts.sum((2, 3)) + account.rest, account.logits, atol=1e-3)
    True
    """

    logits: Tensor
    parts: Tensor
    rest: Tensor


class Interpretable(Classifier):
    """An interpretable classifier accounts for its own logits.

    >>> import gcm, torch
    >>> network = gcm.load("gcm_digits")
    >>> isinstance(network, gcm.model.Interpretable), isinstance(gcm.load("cnn_digits"), gcm.model.Interpretable)
    (True, False)
    >>> tuple(network.contributions(torch.zeros(1, 1, 32, 32)).parts.shape)
    (1, 10, 1, 32, 32)
    """

    @abstractmethod
    def contributions(self, images: Tensor, targets: Tensor | None = None) -> Contributions:
        """Account for all classes, or for target classes: `(T,)`, or `(B,T)` if they differ from image to image.

        Raises `InputError` for images or targets that the network does not take.
        """


def for_targets(values: Tensor, targets: Tensor) -> Tensor:
    """Select from values `(B,K,…)` those of classes `targets`, `(T,)` or `(B,T)`: `(B,T,…)`."""
    if targets.ndim == 1:
        return values[:, targets]
    return values[torch.arange(len(values), device=values.device).unsqueeze(1), targets]


def check_entering(model: nn.Module, images: Tensor) -> None:
    """Raise `InputError` unless there are images that a network takes, of values in [0,1].

    Every explanation begins with this check.
    """
    if isinstance(model, Classifier):
        model.check_images(images)
    elif not (is_float(images) and images.ndim == 4):
        raise InputError(f"images must be float (B,C,H,W), got {described(images)}")
    else:
        check_matches_weights(images, model)
    check_pixels(images)
