"""Metrics of maps know how each is applied to a test set: to which images and classes, and what is done to them."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from gcm.data import ImageData, Split
from gcm.error import InputError
from gcm.metric.image_metric import ImageMetric
from gcm.model import Classifier
from gcm.precision import widened
from gcm.rendering.base import resized
from gcm.types import PositiveCount, ShareBelowOne
from gcm.visualizer import Visualizer

Classes = Literal["predicted", "all"]
"""The classes whose maps a metric looks at: the one that the network names, or all."""


@dataclass(frozen=True)
class Maps:
    """Maps of some classes, as a visualizer gave them and as metrics compare them.

    Attributes:
        own_size: `(B,T,d,h,w)`, signed, unscaled.
        at_image_size: `(B,T,H,W)`, enlarged (bilinear), the channels added up, float32 at least.
    """

    own_size: Tensor
    at_image_size: Tensor


def maps_of(visualizer: Visualizer, network: Classifier, images: Tensor, targets: Tensor) -> Maps:
    """Explain images `(B,C,H,W)`, float in [0,1], for the classes `targets` `(B,T)`."""
    maps = visualizer(network, images, targets).maps
    return Maps(maps, resized(widened(maps), images, "bilinear").sum(2))


@dataclass(frozen=True)
class ExplainedBatch:
    """A batch of images that a visualizer has explained.

    Attributes:
        visualizer: the method.
        network: the classifier that was explained.
        images: `(B,C,H,W)`, float in [0,1].
        places: where the evidence lies, `(B,K,H,W)` bool, if the data know it.
        logits: scores of every class, `(B,K)`.
        classes: the classes of the maps, `(B,T)`.
        maps: the maps of these classes.

    >>> import gcm, torch
    >>> from gcm.metric.map_metric import maps_of
    >>> network, images, classes = gcm.load("gcm_digits"), torch.ones(1, 1, 32, 32), torch.tensor([[3, 7]])
    >>> method = gcm.visualizer.ClassContributionMaps()
    >>> maps = maps_of(method, network, images, classes)
    >>> batch = gcm.metric.ExplainedBatch(method, network, images, None, network(images), classes, maps)
    >>> batch.maps_of(torch.tensor([[7]])).shape
    torch.Size([1, 1, 32, 32])
    """

    visualizer: Visualizer
    network: Classifier
    images: Tensor
    places: Tensor | None
    logits: Tensor
    classes: Tensor
    maps: Maps

    def maps_of(self, classes: Tensor) -> Tensor:
        """Select the maps `(B,S,H,W)` of some of the classes that were explained, `(B,S)`."""
        maps = self.maps.at_image_size
        same = self.classes.unsqueeze(1) == classes.unsqueeze(2)  # (B,S,T)
        if not same.any(2).all():
            raise InputError("a measure can look only at maps of classes that were asked for, one or more")
        position = same.int().argmax(2)  # (B,S,T) -> (B,S)
        return maps.gather(1, position[:, :, None, None].expand(-1, -1, *maps.shape[2:]))


def every_class(logits: Tensor) -> Tensor:
    """Return all classes for each image, `(B,K)`, for logits `(B,K)`."""
    return torch.arange(logits.shape[1], device=logits.device).expand(len(logits), -1)


class MapMetric(ImageMetric):
    """A metric of maps knows how it is applied to the maps of a visualizer on a test set.

    `update` takes maps from anywhere; `update_with` takes what is needed from a batch that a visualizer has explained.

    Args:
        images: number of images of `split` that it looks at, the first ones.
        classes: the classes whose maps it looks at.
        confidence: confidence of the interval.

    >>> from gcm.metric import Sparseness
    >>> metric = Sparseness(images=100, classes="all")
    >>> metric.images, metric.classes, metric.meaning.partition(":")[0][:16]
    (100, 'all', 'Gini coefficient')
    """

    meaning: str
    """The value's meaning, in a sentence."""
    all_classes: ClassVar[bool] = False
    """Whether it needs a map of its own for every class."""

    def __init__(self, images: PositiveCount, classes: Classes = "all", confidence: ShareBelowOne = 0.95) -> None:
        super().__init__(confidence)
        self.images, self.classes = images, classes

    @abstractmethod
    def update_with(self, batch: ExplainedBatch) -> None:
        """Count a batch."""

    def targets(self, logits: Tensor, places: Tensor | None) -> Tensor:
        """Return the classes whose maps it needs, `(B,T)`; logits and places as in `ExplainedBatch`."""
        return logits.argmax(1, keepdim=True) if self.classes == "predicted" else every_class(logits)

    def split(self, data: ImageData) -> Split:
        """Return the images that it looks at."""
        return data.test

    def misfit(self, network: Classifier, data: ImageData) -> str:
        """Return why it has no value for this network or these data, or an empty string."""
        return ""

    def by_construction(self, visualizer: Visualizer) -> str:
        """Return why the best value is certain whatever the network learned, or an empty string."""
        return ""
