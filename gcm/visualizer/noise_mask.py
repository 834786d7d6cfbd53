"""Noise masks, where class maps are asked for."""

from torch import Tensor, nn

from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass


class NoiseMask(Visualizer):
    """A noise mask says of every pixel whether it matters, but not to which class, so it fits no network here.

    That lets tables of class maps name it and say why it has no number. `task=noise_mask` makes it.
    """

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        raise NotImplementedError(self.misfit(forward_pass.model))

    def misfit(self, model: nn.Module) -> str:
        return "one map for all classes"
