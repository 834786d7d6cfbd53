"""Pointing tells whether evidence lies where it is known to be."""

import torch
from torch import Tensor

from gcm.data import ImageData, PlacedSplit
from gcm.error import InputError
from gcm.metric.image_metric import check_maps
from gcm.metric.map_metric import ExplainedBatch, MapMetric
from gcm.model import Classifier
from gcm.tensor_check import check_same_device, described
from gcm.types import PositiveCount, ShareBelowOne


class Pointing(MapMetric):
    """Pointing is the share of a class's positive evidence in its place, as a mean over all classes that an image
    shows.

    Source: Böhle et al., "Convolutional dynamic alignment networks for interpretable classifications", 2021, section
    4.2 (grid pointing game). In [0,1]; a random map gets the share of the image that the place covers. A class without
    any positive evidence counts 0, as with an even map where the logit is negative. Nothing forbids the network to
    find, say, the space around a shape telling: pointing measures where evidence lies, not whether it is wrong there.
    On a test set it needs data that know the places of their classes, such as `planted`.

    Args:
        confidence: confidence of the interval.
        images: number of images of a test set that it looks at.

    >>> import torch
    >>> from gcm.metric import Pointing
    >>> metric = Pointing()
    >>> metric.update(torch.tensor([[[[3.0, 1.0, -5.0]]]]), torch.tensor([[[[True, False, False]]]]))
    >>> round(metric.compute().mean, 6)
    0.75
    """

    higher_is_better = True
    meaning = "share of the positive evidence for a class that lies on the shapes that show it, for every class shown"
    all_classes = True

    def __init__(self, confidence: ShareBelowOne = 0.95, images: PositiveCount = 1000) -> None:
        super().__init__(images, confidence=confidence)

    def update_with(self, batch: ExplainedBatch) -> None:
        assert batch.places is not None
        places = batch.places[torch.arange(len(batch.places)).unsqueeze(1), batch.classes]
        self.update(batch.maps.at_image_size, places)

    def misfit(self, network: Classifier, data: ImageData) -> str:
        return "" if isinstance(data.test, PlacedSplit) else f"nobody knows where in {data.name} the evidence lies"

    def update(self, maps: Tensor, places: Tensor) -> None:
        """Count maps `(B,K,H,W)` of every class, or of all that the images show; places `(B,K,H,W)` bool."""
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
    """Return for values `(B,K)` the mean of those chosen, `(B,)`."""
    return (values * chosen).sum(1) / chosen.sum(1)
