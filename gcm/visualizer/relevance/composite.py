"""Which rule for which layer."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch.nn import functional as F

from gcm.visualizer.relevance.flow import LayerFlow
from gcm.visualizer.relevance.rule import Rule


@dataclass(frozen=True)
class Composite:
    """By position and kind of layer.

    Attributes:
        pixels: for layers that read the image itself, also if it was moved about, or a constant brought to it, before.
        lower: for the first half, rounded up, of the other convolutions, transposed ones too.
        upper: for the second half.
        linear: for fully connected layers.
    """

    pixels: Rule
    lower: Rule
    upper: Rule
    linear: Rule

    def assign(self, layers: Sequence[LayerFlow]) -> None:
        """Each layer, in the order in which they were called, gets its rule."""
        convolutions = [flow for flow in layers if flow.layer.low is None and flow.function is not F.linear]
        for flow in layers:
            if flow.layer.low is not None:
                flow.rule = self.pixels
            elif flow.function is F.linear:
                flow.rule = self.linear
            else:
                flow.rule = self.lower if convolutions.index(flow) < (len(convolutions) + 1) // 2 else self.upper
