"""Saliency: the plain gradient."""

from torch import Tensor

from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass


class Saliency(Visualizer):
    """Saliency is the gradient of the class's logit for the image, signed, `(B,K,C,H,W)`; also called sensitivity map.

    Source: Simonyan et al., "Deep inside convolutional networks", ICLR workshop 2014, section 3. There the largest
    absolute value of the channels is drawn; here nothing is taken away.

    >>> import gcm, torch
    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
    >>> maps = gcm.visualizer.Saliency()(network, torch.ones(1, 1, 2, 2)).maps
    >>> torch.equal(maps[0].flatten(1), network[1].weight)  # the gradient of a linear network
    True
    """

    gradients = "plain"

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        return forward_pass.gradients
