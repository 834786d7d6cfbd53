"""The plain gradient."""

from torch import Tensor

from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass


class Saliency(Visualizer):
    """The gradient of the class's logit for the image, signed, `(B,K,C,H,W)`; also called sensitivity map.

    Source: Simonyan et al., "Deep inside convolutional networks", ICLR workshop 2014, section 3. There the largest
    absolute value of the channels is drawn; here nothing is taken away.
    """

    gradients = "plain"

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        return forward_pass.gradients
