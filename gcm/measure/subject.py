"""An explanation method on a network, as measures see it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gcm.model import Classifier
from gcm.precision import widened
from gcm.rendering.base import resized
from gcm.visualizer import Visualizer
from gcm.visualizer.noise_mask_search import NoiseMaskSettings, noise_masks


@dataclass(frozen=True)
class Maps:
    """Attributes:
    own_size: `(B,T,d,h,w)`, as the method gave them.
    at_image_size: `(B,T,H,W)`, enlarged (bilinear), the channels added up, float32 at least.
    """

    own_size: Tensor
    at_image_size: Tensor


class Subject(ABC):
    """Attributes:
    network: that is explained.
    """

    one_map: ClassVar[bool]
    """Whether the method makes one map for all classes."""
    network: Classifier

    @abstractmethod
    def maps(self, images: Tensor, targets: Tensor | None = None) -> Maps:
        """Of all classes, or of `targets` `(B,T)`; images `(B,C,H,W)`, float in [0,1]."""

    @abstractmethod
    def on(self, network: Classifier) -> "Subject":
        """The same method on another network."""

    @abstractmethod
    def misfit(self) -> str:
        """Why the method does not fit the network, or an empty string."""


@dataclass(frozen=True)
class ClassMaps(Subject):
    """The maps of a visualizer."""

    one_map = False
    visualizer: Visualizer
    network: Classifier

    def maps(self, images: Tensor, targets: Tensor | None = None) -> Maps:
        explanation = self.visualizer(self.network, images, targets)
        at_image_size = resized(widened(explanation.maps), images, "bilinear").sum(2)
        return Maps(explanation.maps, at_image_size)

    def on(self, network: Classifier) -> Subject:
        return ClassMaps(self.visualizer, network)

    def misfit(self) -> str:
        return self.visualizer.misfit(self.network)


@dataclass(frozen=True)
class NoiseMaskMap(Subject):
    """`1 - w`, how much a pixel matters according to the image's noise mask; the same for every class."""

    one_map = True
    settings: NoiseMaskSettings
    network: Classifier

    @torch.no_grad()
    def maps(self, images: Tensor, targets: Tensor | None = None) -> Maps:
        strength = noise_masks(self.network, images, self.settings).strength.to(images.device)
        matters = 1 - widened(strength).unsqueeze(1)
        if targets is not None:
            matters = matters.expand(-1, targets.shape[1], -1, -1)
        return Maps(matters.unsqueeze(2), matters)

    def on(self, network: Classifier) -> Subject:
        return NoiseMaskMap(self.settings, network)

    def misfit(self) -> str:
        return ""
