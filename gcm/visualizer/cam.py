"""CAM: class activation maps of networks with global average pooling."""

from collections.abc import Mapping

from torch import Tensor, nn

from gcm.model import PooledClassifier
from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass

ADDS_UP = "h·w·(logit - bias) is what a CAM sums to"


class CAM(Visualizer):
    """A class activation map is the sum of the feature maps, weighted by the class's linear layer: `(B,K,1,h,w)`.

    Source: Zhou et al., "Learning deep features for discriminative localization", CVPR 2016. Fits networks that end in
    global average pooling and one linear layer. The mean of a map is the class's logit less its bias.

    >>> import gcm, torch
    >>> network = gcm.load("cnn_digits")
    >>> explanation = gcm.visualizer.CAM()(network, torch.ones(1, 1, 32, 32))
    >>> torch.allclose(explanation.maps.mean((2, 3, 4)) + network.linear.bias, explanation.logits, atol=1e-3)
    True
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
