"""What is asked of an explanation: which images it is shown, what is done to them, which metric counts the answer."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from gcm.data import ImageData, Split
from gcm.error import InputError
from gcm.measure.subject import Maps, Subject
from gcm.metric import ImageMetric
from gcm.model import Classifier

Classes = Literal["predicted", "all"]


@dataclass(frozen=True)
class Shown:
    """A batch that a subject has explained.

    Attributes:
        subject: the method on its network.
        images: `(B,C,H,W)`, float in [0,1].
        places: of the images' evidence, `(B,K,H,W)` bool, where the data know them.
        logits: of every class, `(B,K)`.
        classes: whose maps were asked for, `(B,T)`.
        maps: of these.
    """

    subject: Subject
    images: Tensor
    places: Tensor | None
    logits: Tensor
    classes: Tensor
    maps: Maps

    def of(self, classes: Tensor) -> Tensor:
        """The maps `(B,S,H,W)` of some of the classes that were asked for, `(B,S)`."""
        maps = self.maps.at_image_size
        found = self.classes.unsqueeze(1) == classes.unsqueeze(2)  # (B,S,T)
        if not found.any(2).all():
            raise InputError("a measure can look only at maps of classes that were asked for, one or more")
        position = found.int().argmax(2)  # (B,S,T) -> (B,S)
        return maps.gather(1, position[:, :, None, None].expand(-1, -1, *maps.shape[2:]))


def every_class(logits: Tensor) -> Tensor:
    """`(B,K)`."""
    return torch.arange(logits.shape[1], device=logits.device).expand(len(logits), -1)


class Measure(ABC):
    """Attributes:
    meaning: what its number says, in a sentence.
    images: how many are shown, the first ones of `split`.
    classes: that it looks at: the one that the network names, or all.
    """

    meaning: str
    all_classes: ClassVar[bool] = False
    """Whether it needs a map of every class, which a noise mask does not give."""
    images: int
    classes: Classes = "all"

    @abstractmethod
    def metric(self) -> ImageMetric:
        """A new one, empty."""

    @abstractmethod
    def update(self, metric: ImageMetric, shown: Shown) -> None:
        """Counts a batch."""

    def targets(self, logits: Tensor, places: Tensor | None) -> Tensor:
        """The classes whose maps it needs, `(B,T)`; logits `(B,K)`, places as in `Shown`."""
        return logits.argmax(1, keepdim=True) if self.classes == "predicted" else every_class(logits)

    def split(self, data: ImageData) -> Split:
        """Where the images are from."""
        return data.test

    def misfit(self, network: Classifier, data: ImageData) -> str:
        """Why it cannot be measured on this network or these data, or an empty string."""
        return ""

    def by_construction(self, subject: Subject) -> str:
        """Why the best value is certain whatever the network learned, or an empty string."""
        return ""
