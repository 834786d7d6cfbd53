"""Guided backpropagation: gradients whose ReLUs pass back only what is positive."""

from torch import Tensor

from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass


class GuidedBackprop(Visualizer):
    """Guided backprop is the gradient of a logit for the image, `(B,K,C,H,W)`, whose ReLUs pass back only what is
    positive.

    Source: Springenberg et al., "Striving for simplicity", ICLR workshop 2015. Raises `InputError` for networks with
    other activations than ReLU.

    >>> import gcm, torch
    >>> gcm.visualizer.GuidedBackprop()(gcm.load("cnn_digits"), torch.zeros(1, 1, 32, 32), targets=[7]).maps.shape
    torch.Size([1, 1, 1, 32, 32])
    """

    gradients = "guided"

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        return forward_pass.guided_gradients
