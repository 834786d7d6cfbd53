"""GCM's own maps, which are the source of its scores."""

from collections.abc import Mapping
from typing import Literal, get_args

from torch import Tensor, nn

from gcm.error import InputError, listed
from gcm.model import ContributionMapping
from gcm.model.base import for_targets
from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass

Centre = Literal["none", "mean", "median", "minimum"]


class ClassWeightMaps(Visualizer):
    """The class weight maps are what GCM multiplies with the image, `(B,K,1,H,W)`: the source of the score.

    Source: GCM paper, equation 1. The centred forms are ours: softmax does not change when all scores lose the same
    number, so each pixel may lose what its classes have in common (`centre`). Probabilities, decision and the classes'
    differences in every rendering by product stay exactly what they were; a map then shows what speaks for its class
    *rather than for the others*.

    Args:
        centre: the value that each pixel loses, taken over the weights of all its classes. `minimum` leaves nothing
            negative: the sum of absolute values is then the plain sum.

    >>> import gcm, torch
    >>> image = torch.full((1, 1, 32, 32), 0.5)
    >>> explanation = gcm.visualizer.ClassWeightMaps()(gcm.load("gcm_digits"), image)
    >>> torch.allclose((explanation.maps * image.unsqueeze(1)).mean((2, 3, 4)), explanation.logits, rtol=1e-3)
    True
    """

    by_design = True

    def __init__(self, centre: Centre = "none") -> None:
        if centre not in get_args(Centre):
            raise InputError(f"centre must be one of {listed(get_args(Centre))}, got {centre!r}")
        self.centre = centre

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        assert isinstance(forward_pass.model, ContributionMapping)
        if self.centre == "none":
            return forward_pass.model.decoded_weight_maps(forward_pass.hidden, forward_pass.requested).unsqueeze(2)
        maps = forward_pass.model.decoded_weight_maps(forward_pass.hidden)  # all classes, whatever is asked for
        centred = maps - centre_of(maps, self.centre)
        if forward_pass.requested is not None:
            centred = for_targets(centred, forward_pass.requested)
        return centred.unsqueeze(2)

    def misfit(self, model: nn.Module) -> str:
        return "" if isinstance(model, ContributionMapping) else "only GCM makes class weight maps"

    def by_construction(self, model: nn.Module) -> Mapping[str, str]:
        if self.centre == "none":
            return {"product": "the average of map times image is GCM's score"}
        return {"product": "the average of map times image is GCM's score, less one number for all classes"}


class ClassContributionMaps(ClassWeightMaps):
    """A class contribution map says what each pixel adds to the score: weight map times image / (C*H*W), `(B,K,C,H,W)`.

    These are the parts of GCM's own account. Source: GCM paper, equation 2. Args as `ClassWeightMaps`; the centred
    contributions of two classes differ as the plain ones do.

    >>> import gcm, torch
    >>> explanation = gcm.visualizer.ClassContributionMaps()(gcm.load("gcm_digits"), torch.full((1, 1, 32, 32), 0.5))
    >>> torch.allclose(explanation.maps.sum((2, 3, 4)), explanation.logits, rtol=1e-3)
    True
    """

    complete = True

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        images = forward_pass.images
        return super().weight_maps(forward_pass) * (images / images[0].numel()).unsqueeze(1)

    def misfit(self, model: nn.Module) -> str:
        return "" if isinstance(model, ContributionMapping) else "only GCM makes class contribution maps"

    def by_construction(self, model: nn.Module) -> Mapping[str, str]:
        reasons = super().by_construction(model)
        return {"raw": reasons["product"].replace("the average of map times image is", "the maps add up to")}


def centre_of(maps: Tensor, centre: Centre) -> Tensor:
    """Return what the classes of a pixel have in common: `(B,K,H,W)` to `(B,1,H,W)`.

    The median of an even number of classes is the mean of the middle two.
    """
    if centre == "mean":
        return maps.mean(1, keepdim=True)
    if centre == "minimum":
        return maps.amin(1, keepdim=True)
    ordered = maps.sort(1).values
    classes = maps.shape[1]
    return (ordered[:, [(classes - 1) // 2]] + ordered[:, [classes // 2]]) / 2
