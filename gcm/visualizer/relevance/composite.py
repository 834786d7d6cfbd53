"""A composite assigns a rule to each layer."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch.nn import functional as F

from gcm.visualizer.relevance.flow import LayerFlow
from gcm.visualizer.relevance.rule import Rule


@dataclass(frozen=True)
class Composite:
    """A composite chooses a layer's rule by the layer's position and kind.

    Attributes:
        pixels: rule of layers that read the image itself, also if it was moved about, or a constant brought to it,
            before.
        lower: rule of the first half, rounded up, of the other convolutions, transposed ones too.
        upper: rule of the second half.
        linear: rule of fully connected layers.
    """

    pixels: Rule
    lower: Rule
    upper: Rule
    linear: Rule

    def assign(self, layers: Sequence[LayerFlow]) -> None:
        """Give each layer its rule; `layers` are in the order in which they were called."""
        convolutions = [flow for flow in layers if flow.layer.low is None and flow.function is not F.linear]
        for flow in layers:
            if flow.layer.low is not None:
                flow.rule = self.pixels
            elif flow.function is F.linear:
                flow.rule = self.linear
            else:
                flow.rule = self.lower if convolutions.index(flow) < (len(convolutions) + 1) // 2 else self.upper
