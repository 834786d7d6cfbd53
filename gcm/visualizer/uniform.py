"""A control: complete, and in no place at all."""

from collections.abc import Mapping

from torch import Tensor, nn

from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass


class Uniform(Visualizer):
    """Each class's logit spread evenly over the pixels, `(B,K,1,H,W)`. It adds up perfectly and shows nothing."""

    control = True
    complete = True

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        height, width = forward_pass.images.shape[2:]
        logits = forward_pass.logits.gather(1, forward_pass.targets)  # (B,K) -> (B,T)
        return (logits / (height * width))[:, :, None, None, None].expand(-1, -1, 1, height, width)

    def by_construction(self, model: nn.Module) -> Mapping[str, str]:
        reason = "a logit spread evenly sums to the logit, also when each pixel is weighted alike for all classes"
        return {"raw": reason, "product": reason}
