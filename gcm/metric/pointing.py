"""Pointing: whether evidence lies where it is known to be."""

import torch
from torch import Tensor

from gcm.error import InputError
from gcm.metric.image_metric import ImageMetric, check_maps
from gcm.tensor_check import check_same_device, described


class Pointing(ImageMetric):
    """Share of a class's positive evidence that lies in its place, as a mean over all classes that an image shows.

    Source: Böhle et al., "Convolutional dynamic alignment networks for interpretable classifications", 2021, section
    4.2 (grid pointing game). In [0,1]; a random map gets the share of the image that the place covers. A class without
    any positive evidence counts 0, as with an even map where the logit is negative. Nothing forbids the network to
    find, say, the space around a shape telling: what is measured is where evidence lies, not whether it is wrong there.
    """

    higher_is_better = True

    def update(self, maps: Tensor, places: Tensor) -> None:
        """Maps `(B,K,H,W)` of every class, or of all that the images show; places `(B,K,H,W)` bool."""
        if not isinstance(places, Tensor) or places.dtype != torch.bool:
            raise InputError(f"places must be bool (B,K,H,W), got {described(places)}")
        check_maps(maps, places)
        check_same_device("maps and places", (maps, places))
        shown = places.flatten(2).any(2)  # (B,K)
        if not shown.any(1).all():
            raise InputError("every image must show a class, got one without a place")
        positive = maps.double().clamp_min(0)
        inside, whole = (positive * places).sum((2, 3)), positive.sum((2, 3))
        share = (inside / whole).where(whole > 0, 0.0)
        self.add(mean_over(share, shown))


def mean_over(values: Tensor, chosen: Tensor) -> Tensor:
    """Of values `(B,K)` the mean of those chosen, `(B,)`."""
    return (values * chosen).sum(1) / chosen.sum(1)
