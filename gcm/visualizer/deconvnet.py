"""Deconvnet: gradients whose ReLUs pass back all that is positive."""

from torch import Tensor

from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass
from gcm.visualizer.guided import DeconvnetReLU


class Deconvnet(Visualizer):
    """A deconvnet is the gradient of a logit for the image whose ReLUs pass back every positive value, open or not.

    The maps are `(B,K,C,H,W)`. Source: Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV
    2014, in the form of Springenberg et al., 2015. Raises `InputError` for networks with other activations than ReLU.

    >>> import gcm, torch
    >>> gcm.visualizer.Deconvnet()(gcm.load("cnn_digits"), torch.zeros(1, 1, 32, 32)).maps.shape
    torch.Size([1, 10, 1, 32, 32])
    """

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        return forward_pass.ruled_gradients(DeconvnetReLU)
