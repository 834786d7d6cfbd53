"""The class maps of some images, one figure for each visualizer and rendering."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from gcm.draw import classes_to_show, draw_class_maps
from gcm.model import Classifier
from gcm.rendering import Rendering
from gcm.visualizer import Explanation, Visualizer


@dataclass(frozen=True)
class ImagesOfNetwork:
    """Images that a network has classified, and the classes whose maps are worth a look.

    Attributes:
        name: the network's name, for titles.
        network: the classifier that is explained.
        pixels: `(B,C,H,W)`, float in [0,1], on the network's device.
        labels: `(B,)`.
        shown: at most ten classes of each image, the true one and those with the highest scores, `(B,T)`.
    """

    name: str
    network: Classifier
    pixels: Tensor
    labels: Tensor
    shown: Tensor

    @classmethod
    def of(cls, name: str, network: Classifier, pixels: Tensor, labels: Tensor) -> Self:
        """Classify the images, once."""
        with torch.no_grad():
            shown = classes_to_show(network(pixels).cpu(), labels)
        return cls(name, network, pixels, labels, shown)

    def draw(
        self, visualizer_name: str, visualizer: Visualizer, renderings: Mapping[str, Rendering], directory: Path
    ) -> list[Path]:
        """Explain the images once, and draw each rendering in the layout of the GCM paper's figure 7."""
        explanation = visualizer(self.network, self.pixels, self.shown)
        reasons = visualizer.by_construction(self.network)
        paths = []
        for name, rendering in renderings.items():
            certain = f" ({reasons[name]})" if name in reasons else ""
            title = f"{self.name}: {visualizer_name}, {name} rendering{certain}"
            paths.append(directory / f"{visualizer_name}_{name}.png")
            self.draw_rendering(explanation, rendering, title, paths[-1])
        return paths

    def draw_rendering(self, explanation: Explanation, rendering: Rendering, title: str, path: Path) -> None:
        draw_class_maps(
            self.pixels.cpu(),
            rendering(explanation.maps, self.pixels).cpu(),
            explanation.logits.cpu(),
            self.labels,
            self.network.spec.classes,
            title=title,
            shown=self.shown,
            in_colours=rendering.in_colours,
            path=path,
        )
