"""Class activation maps."""

from collections.abc import Mapping

from torch import Tensor, nn

from gcm.model import PooledClassifier
from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass

ADDS_UP = "h·w·(logit - bias) is what a CAM sums to"


class CAM(Visualizer):
    """Feature maps added up with the class's weights of the linear layer, `(B,K,1,h,w)`.

    Source: Zhou et al., "Learning deep features for discriminative localization", CVPR 2016.
    """

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        return forward_pass.class_activation_maps.unsqueeze(2)

    def misfit(self, model: nn.Module) -> str:
        return (
            ""
            if isinstance(model, PooledClassifier)
            else "CAM needs global average pooling and one linear layer at the end"
        )

    def by_construction(self, model: nn.Module) -> Mapping[str, str]:
        return {"raw": ADDS_UP}
