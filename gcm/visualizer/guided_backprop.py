"""Guided backpropagation."""

from torch import Tensor

from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass


class GuidedBackprop(Visualizer):
    """The gradient of the class's logit for the image, `(B,K,C,H,W)`, where ReLUs pass back only what is positive.

    Source: Springenberg et al., "Striving for simplicity", ICLR workshop 2015. Networks with other activations than
    ReLU are refused.
    """

    gradients = "guided"

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        return forward_pass.guided_gradients
