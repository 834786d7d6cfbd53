"""GCM's own maps."""

from collections.abc import Mapping

from torch import Tensor, nn

from gcm.model import GCM
from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass


class ClassWeightMaps(Visualizer):
    """The maps that GCM multiplies with the image, `(B,K,1,H,W)`: not an explanation of the score but its source.

    Source: GCM paper, equation 1.
    """

    by_design = True

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        assert isinstance(forward_pass.model, GCM)
        return forward_pass.model.decoded_weight_maps(forward_pass.hidden, forward_pass.requested).unsqueeze(2)

    def misfit(self, model: nn.Module) -> str:
        return "" if isinstance(model, GCM) else "only GCM makes class weight maps"

    def by_construction(self, model: nn.Module) -> Mapping[str, str]:
        return {"product": "the average of map times image is GCM's score"}
