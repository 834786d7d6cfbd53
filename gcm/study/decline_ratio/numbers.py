"""Decline ratios of many visualizers and renderings on one network, in one pass over the images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gcm.data import Split
from gcm.data.loader import pixel_batches
from gcm.metric import Decline, DeclineRatio
from gcm.model import Classifier
from gcm.progress import SILENT, Progress
from gcm.rendering import Rendering
from gcm.visualizer import Visualizer, explain_with
from gcm.visualizer.base import fitting

ONE_MAP = "one map for all classes"
"""The reason why a visualizer that is not specific to classes has no decline ratio."""


@dataclass(frozen=True)
class DeclineRatioCell:
    """One visualizer on one network in one rendering.

    `decline` is None where the visualizer does not fit the network; `reason` then says why. Otherwise `reason` says why
    the cell must be near 0 by construction, or is empty.
    """

    network: str
    visualizer: str
    rendering: str
    decline: Decline | None
    reason: str

    @property
    def by_construction(self) -> bool:
        return self.decline is not None and bool(self.reason)


def decline_ratio_cells(
    name: str,
    network: Classifier,
    visualizers: Mapping[str, Visualizer],
    renderings: Mapping[str, Rendering],
    new_metric: Callable[[], DeclineRatio],
    split: Split,
    batch_size: int,
    rank: int = 0,
    processes: int = 1,
    progress: Progress = SILENT,
) -> list[DeclineRatioCell]:
    """Measure all cells of a network in one pass over the images; memory does not grow with either.

    Of several processes each sees its share of the images; torchmetrics adds up.
    """
    device = next(network.parameters()).device
    own_maps = {key: visualizer for key, visualizer in visualizers.items() if visualizer.class_specific}
    fit = fitting(own_maps, network)
    metrics = {(visualizer, rendering): new_metric().to(device) for visualizer in fit for rendering in renderings}
    what = f"{len(fit)} visualizers"
    for pixels, labels in pixel_batches(split, batch_size, device, what, progress.of(name), rank, processes):
        for key, explanation in explain_with(fit, network, pixels).items():
            for rendering, render in renderings.items():
                pictures = render(explanation.maps, pixels)
                metrics[key, rendering].update(pictures, explanation.logits, labels)
    return [
        decline_ratio_cell(name, network, key, visualizer, rendering, metrics.get((key, rendering)))
        for key, visualizer in visualizers.items()
        for rendering in renderings
    ]


def decline_ratio_cell(
    name: str, network: Classifier, key: str, visualizer: Visualizer, rendering: str, metric: DeclineRatio | None
) -> DeclineRatioCell:
    if metric is None:
        return DeclineRatioCell(name, key, rendering, None, visualizer.misfit(network) or ONE_MAP)
    return DeclineRatioCell(
        name, key, rendering, metric.compute(), visualizer.by_construction(network).get(rendering, "")
    )


def own_visualizers(network: Classifier, visualizers: Mapping[str, Visualizer]) -> dict[str, Visualizer]:
    """Return the by-design visualizers and the controls for a network that explains itself, for others all."""
    explains_itself = any(
        visualizer.by_design and not visualizer.misfit(network) for visualizer in visualizers.values()
    )
    return {
        name: visualizer
        for name, visualizer in visualizers.items()
        if visualizer.control or visualizer.by_design == explains_itself
    }
