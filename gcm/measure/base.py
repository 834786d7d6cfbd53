"""What is asked of an explanation: which images it is shown, what is done to them, which metric counts the answer."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from gcm.data import ImageData, Split
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
        maps: of the images.
    """

    subject: Subject
    images: Tensor
    places: Tensor | None
    maps: Maps

    def targets(self, classes: Classes) -> Tensor:
        """`(B,T)`: the class that the network names, or every class."""
        logits = self.maps.logits
        if classes == "predicted":
            return logits.argmax(1, keepdim=True)
        return torch.arange(logits.shape[1], device=logits.device).expand(len(logits), -1)

    def of(self, targets: Tensor) -> Tensor:
        """The maps of classes `targets`, `(B,T,H,W)`."""
        maps = self.maps.at_image_size
        if self.subject.one_map:
            return maps.expand(-1, targets.shape[1], -1, -1)
        return maps.gather(1, targets[:, :, None, None].expand(-1, -1, *maps.shape[2:]))


class Measure(ABC):
    """Attributes:
    meaning: what its number says, in a sentence.
    images: how many are shown, the first ones of `split`.
    """

    meaning: str
    all_classes: ClassVar[bool] = False
    """Whether it needs a map of every class, which a noise mask does not give."""
    images: int

    @abstractmethod
    def metric(self) -> ImageMetric:
        """A new one, empty."""

    @abstractmethod
    def update(self, metric: ImageMetric, shown: Shown) -> None:
        """Counts a batch."""

    def split(self, data: ImageData) -> Split:
        """Where the images are from."""
        return data.test

    def misfit(self, network: Classifier, data: ImageData) -> str:
        """Why it cannot be measured on this network or these data, or an empty string."""
        return ""

    def by_construction(self, subject: Subject) -> str:
        """Why the best value is certain whatever the network learned, or an empty string."""
        return ""
