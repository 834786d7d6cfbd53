"""Randomization tells whether an explanation depends on what the network learned."""

from copy import deepcopy
from weakref import WeakKeyDictionary

import torch
from torch import nn

from gcm.metric.map_metric import Classes, ExplainedBatch, MapMetric, maps_of
from gcm.metric.rank_correlation import RankCorrelation
from gcm.model import Classifier
from gcm.types import PositiveCount, Seed, ShareBelowOne

CASCADES: WeakKeyDictionary[Classifier, dict[int, list[Classifier]]] = WeakKeyDictionary()
"""The cascades made so far, by network and seed."""


class Randomization(RankCorrelation, MapMetric):
    """Randomization is the rank correlation with the maps of networks whose weights are drawn anew, from the logits
    down.

    Source: the cascading randomisation of Adebayo et al., "Sanity checks for saliency maps", 2018, section 3.1. The
    value of an image is the mean over the cascade, from one layer drawn anew to all of them.

    Args:
        images: number of images that are shown.
        classes: the class that the network names, or all.
        seed: seed of the new weights.
        confidence: confidence of the interval.

    >>> import torch
    >>> from gcm.metric import Randomization
    >>> metric, maps = Randomization(), torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    >>> metric.update(maps, 2 * maps)  # as if the weights said nothing
    >>> round(metric.compute().mean, 6)
    1.0
    """

    meaning = (
        "mean |rank correlation| with the maps of networks whose layers are drawn anew one by one, from the "
        "logits down; large: the map does not come from what was learned"
    )

    def __init__(
        self,
        images: PositiveCount = 100,
        classes: Classes = "predicted",
        seed: Seed = 0,
        confidence: ShareBelowOne = 0.95,
    ) -> None:
        MapMetric.__init__(self, images, classes, confidence)
        self.seed = seed

    def update_with(self, batch: ExplainedBatch) -> None:
        targets = self.targets(batch.logits, batch.places)
        others = [
            maps_of(batch.visualizer, other, batch.images, targets).at_image_size
            for other in known_cascade(batch.network, self.seed)
        ]
        self.update(batch.maps_of(targets).repeat(1, len(others), 1, 1), torch.cat(others, 1))


def known_cascade(network: Classifier, seed: int) -> list[Classifier]:
    """Return the `cascade` of a network, which is made once as long as the network lives."""
    known = CASCADES.setdefault(network, {})
    if seed not in known:
        known[seed] = cascade(network, seed)
    return known[seed]


def cascade(network: Classifier, seed: int) -> list[Classifier]:
    """Return copies with the last layer drawn anew, the last two, and so on; batch normalisation goes with the layer
    before.

    The order is that in which the network's modules are defined, which must be that in which they are called.
    """
    copy, copies = deepcopy(network), []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for module in reversed(list(copy.modules())):
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.reset_parameters()
            elif callable(draw_anew := getattr(module, "reset_parameters", None)):
                draw_anew()
                copies.append(deepcopy(copy))
    return copies
