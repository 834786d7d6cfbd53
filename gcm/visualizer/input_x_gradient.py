"""Input times gradient."""

from torch import Tensor

from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass


class InputXGradient(Visualizer):
    """The image times the gradient of the class's logit, `(B,K,C,H,W)`.

    Source: Shrikumar et al., "Not just a black box", 2016. In a ReLU network without biases it adds up to the logit.
    """

    gradients = "plain"

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        return forward_pass.images.unsqueeze(1) * forward_pass.gradients
