"""Input times gradient: the first-order part of each pixel in the logit."""

from torch import Tensor

from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass


class InputXGradient(Visualizer):
    """Input times gradient multiplies the image with the gradient of the class's logit: `(B,K,C,H,W)`.

    Source: Shrikumar et al., "Not just a black box", 2016. In a ReLU network without biases the maps add up to the
    logit.

    >>> import gcm, torch
    >>> network, image = gcm.load("cnn_digits"), torch.full((1, 1, 32, 32), 0.5)
    >>> gradient = gcm.visualizer.Saliency()(network, image).maps
    >>> torch.equal(gcm.visualizer.InputXGradient()(network, image).maps, 0.5 * gradient)
    True
    """

    gradients = "plain"

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        return forward_pass.images.unsqueeze(1) * forward_pass.gradients
