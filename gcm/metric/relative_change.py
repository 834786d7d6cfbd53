"""Relative change tells how far a map moves."""

import torch
from torch import Tensor

from gcm.metric.image_metric import ImageMetric, check_both_maps, largest


class RelativeChange(ImageMetric):
    """Relative change is `|other - map| / |map|` (Euclidean) of two maps of an image and class, as a mean over classes.

    Between the maps of an image and of the image with a little noise it says how unstable an explanation is (Yeh et
    al., "On the (in)fidelity and sensitivity of explanations", 2019, definition 2, there the largest change and not the
    mean). 0: nothing changes; `2 ** 0.5` about: as far apart as maps that have nothing to do with each other. Where the
    map is 0 everywhere, a change counts 1.

    >>> import torch
    >>> from gcm.metric import RelativeChange
    >>> metric = RelativeChange()
    >>> metric.update(torch.ones(1, 1, 2, 2), torch.full((1, 1, 2, 2), 1.5))
    >>> round(metric.compute().mean, 6)
    0.5
    """

    higher_is_better = False

    def update(self, maps: Tensor, others: Tensor) -> None:
        """Count maps and those that they are compared with, both `(B,T,H,W)`."""
        check_both_maps(maps, others)
        first, second = maps.double().flatten(2), others.double().flatten(2)
        size = torch.maximum(largest(first), largest(second))
        first, second = first / size, second / size
        moved, length = (second - first).norm(dim=2), first.norm(dim=2)
        self.add(torch.where(length > 0, moved / length, (moved > 0).double()).mean(1))
