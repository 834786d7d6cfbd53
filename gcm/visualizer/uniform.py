"""Uniform maps are a control: they are complete, and show no place."""

from collections.abc import Mapping

from torch import Tensor, nn

from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass


class Uniform(Visualizer):
    """A uniform map spreads the class's logit evenly over the pixels, `(B,K,1,H,W)`: it adds up perfectly and shows
    nothing.

    >>> import gcm, torch
    >>> explanation = gcm.visualizer.Uniform()(gcm.load("gcm_digits"), torch.ones(1, 1, 32, 32))
    >>> torch.allclose(explanation.maps.sum((2, 3, 4)), explanation.logits, rtol=1e-4)
    True
    """

    control = True
    complete = True

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        height, width = forward_pass.images.shape[2:]
        logits = forward_pass.logits.gather(1, forward_pass.targets)  # (B,K) -> (B,T)
        return (logits / (height * width))[:, :, None, None, None].expand(-1, -1, 1, height, width)

    def by_construction(self, model: nn.Module) -> Mapping[str, str]:
        reason = "a logit spread evenly sums to the logit, also when each pixel is weighted alike for all classes"
        return {"raw": reason, "product": reason}
