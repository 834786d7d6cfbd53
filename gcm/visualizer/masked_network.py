"""A masked network keeps only those units at work that an image itself activates."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gcm.model.answer import logits_of
from gcm.types import NonNegativeNumber
from gcm.visualizer.forward_pass import ForwardPass
from gcm.visualizer.relu_mode import ReLUMode


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """The largest activation on the image itself up to which a unit is no feature, and is forced to 0; None forces
    none.

    Attributes:
        first: threshold after the first ReLU.
        hidden: threshold after every other ReLU.
        output: threshold of the logits.
    """

    first: NonNegativeNumber | None = 0.2
    hidden: NonNegativeNumber | None = 0.0
    output: NonNegativeNumber | None = None


class ActivationRecord(ReLUMode):
    """This mode notes for each ReLU in turn which units are above their threshold."""

    def __init__(self, thresholds: Thresholds) -> None:
        super().__init__()
        self.thresholds = thresholds
        self.kept: list[Tensor | None] = []

    def relu(self, values: Tensor, in_place: bool) -> Tensor:
        activations = values.relu_() if in_place else values.relu()
        threshold = self.thresholds.hidden if self.kept else self.thresholds.first
        self.kept.append(above(activations, threshold))
        return activations


class MaskedReLUs(ReLUMode):
    """This mode forces the units to 0 that are not kept, in all copies of an image."""

    def __init__(self, kept: Iterable[Tensor | None]) -> None:
        super().__init__()
        self.kept = iter(kept)

    def relu(self, values: Tensor, in_place: bool) -> Tensor:
        kept = next(self.kept)
        if kept is not None:
            copies = values.unflatten(0, (len(kept), -1))  # (B,N,…)
            if in_place:
                copies.mul_(kept.unsqueeze(1))
            else:
                values = (copies * kept.unsqueeze(1)).flatten(0, 1)
        return values.relu_() if in_place else values.relu()


@dataclass(frozen=True)
class MaskedNetwork:
    """A network with the masks of `B` images.

    Source: the noise-mask paper, section 3.

    Attributes:
        network: the network, in evaluation mode.
        kept: a mask for each ReLU in turn, `(B,…)`, 1 where a unit is a feature and 0 where it is not; None keeps all.
        kept_outputs: the same for the logits, `(B,K)`.
    """

    network: nn.Module
    kept: tuple[Tensor | None, ...]
    kept_outputs: Tensor | None

    @classmethod
    def of_images(cls, network: nn.Module, images: Tensor, thresholds: Thresholds) -> "MaskedNetwork":
        """Return the network with the masks that `images` `(B,C,H,W)` give; their activations are the unmasked
        network's.

        Raises `InputError` where the network has activations that cannot be masked.
        """
        check_can_be_masked(network, images)
        with torch.no_grad(), ActivationRecord(thresholds) as record:
            logits = logits_of(network, images)
        return cls(network, tuple(record.kept), above(logits, thresholds.output))

    def __call__(self, copies: Tensor) -> Tensor:
        """Return the logits of `N` copies of each image: `(B,N,C,H,W)` to `(B,N,K)`."""
        with MaskedReLUs(self.kept):
            logits: Tensor = logits_of(self.network, copies.flatten(0, 1)).unflatten(0, copies.shape[:2])
        return logits if self.kept_outputs is None else logits * self.kept_outputs.unsqueeze(1)

    def without_masks(self) -> "MaskedNetwork":
        """Return the real network, to be called in the same way."""
        return MaskedNetwork(self.network, (None,) * len(self.kept), None)

    def subset(self, places: Tensor) -> "MaskedNetwork":
        """Return the masked network of the images at `places` `(b,)` alone."""
        kept = tuple(mask if mask is None else mask[places] for mask in self.kept)
        return MaskedNetwork(self.network, kept, None if self.kept_outputs is None else self.kept_outputs[places])


def above(activations: Tensor, threshold: float | None) -> Tensor | None:
    return None if threshold is None else (activations > threshold).to(activations.dtype)


def check_can_be_masked(network: nn.Module, images: Tensor) -> None:
    """Raise `InputError` unless all activations of the network are ReLUs that a mode reaches."""
    ForwardPass(network, images, None, "none").check_only_relus("a noise mask")
