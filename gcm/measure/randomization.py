"""Whether an explanation depends on what the network learned."""

from copy import deepcopy
from weakref import WeakKeyDictionary

import torch
from torch import nn

from gcm.measure.base import Classes, Measure, Shown
from gcm.metric import ImageMetric, RankCorrelation
from gcm.model import Classifier
from gcm.types import PositiveCount, Seed


class Randomization(Measure):
    """Rank correlation with the maps of networks whose weights are drawn anew, layer by layer from the logits down.

    Source: the cascading randomisation of Adebayo et al., "Sanity checks for saliency maps", 2018, section 3.1. The
    value of an image is the mean over the cascade, from one layer drawn anew to all of them.

    Args:
        images: how many are shown.
        classes: that the network names, or all.
        seed: of the new weights.
    """

    meaning = (
        "mean |rank correlation| with the maps of networks whose layers are drawn anew one by one, from the "
        "logits down; large: the map does not come from what was learned"
    )

    def __init__(self, images: PositiveCount = 100, classes: Classes = "predicted", seed: Seed = 0) -> None:
        self.images, self.classes, self.seed = images, classes, seed
        self.cascades: WeakKeyDictionary[Classifier, list[Classifier]] = WeakKeyDictionary()

    def metric(self) -> ImageMetric:
        return RankCorrelation()

    def update(self, metric: ImageMetric, shown: Shown) -> None:
        network, targets = shown.subject.network, self.targets(shown.logits, shown.places)
        if network not in self.cascades:
            self.cascades[network] = cascade(network, self.seed)
        others = [shown.subject.on(other).maps(shown.images, targets).at_image_size for other in self.cascades[network]]
        maps = shown.of(targets)
        metric.update(maps.repeat(1, len(others), 1, 1), torch.cat(others, 1))


def cascade(network: Classifier, seed: int) -> list[Classifier]:
    """Copies with the last layer drawn anew, the last two, and so on; batch normalisation goes with the layer before.

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
