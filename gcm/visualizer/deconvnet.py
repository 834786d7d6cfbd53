"""Deconvolutional networks."""

from torch import Tensor

from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass
from gcm.visualizer.guided import DeconvnetReLU


class Deconvnet(Visualizer):
    """The gradient of the class's logit for the image, `(B,K,C,H,W)`, where ReLUs pass back all that is positive,
    whether they were open or not.

    Source: Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, in the form of
    Springenberg et al., 2015. Networks with other activations than ReLU are refused.
    """

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        return forward_pass.ruled_gradients(DeconvnetReLU)
