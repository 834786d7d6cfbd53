"""What all visualizers by relevance have in common."""

from abc import abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gcm.error import InputError
from gcm.model import GCM, Classifier
from gcm.visualizer.base import Visualizer, inspected
from gcm.visualizer.forward_pass import ForwardPass, target_gradients
from gcm.visualizer.relevance.mode import Composite, RelevanceMode


class LayerResidual(NamedTuple):
    """Attributes:
    layer: path of the module.
    rule: that it hands relevance on by.
    residual: mean |handed on - received| over images and classes, relative to the mean |received|; rounding alone gives
        about 1e-6 in float32. What is missing went to biases, or to the rule's epsilon.
    """

    layer: str
    rule: str
    residual: float


class Relevance(Visualizer):
    """The logit of each class, handed back from layer to layer until it lies on the pixels, `(B,K,C,H,W)`.

    Batch normalisation is folded into the layer before it. Max pooling hands all to the pixel that won, a mean to its
    inputs in proportion, GCM's product of map and image all to the map. A logit is handed back also where it is
    negative.
    """

    @property
    @abstractmethod
    def composite(self) -> Composite:
        """Which rule for which layer."""

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        return self.traced(forward_pass)[0]

    def conservation(self, model: nn.Module, images: Tensor) -> list[LayerResidual]:
        """Whether each linear layer hands on what it receives, from the first to the last, for all classes of `images`.

        Raises `InputError` as a call does.
        """
        with inspected(model, images, None, guided=False) as forward_pass:
            self.check_fits(model)
            _, mode = self.traced(forward_pass)
        return [LayerResidual(path, repr(flow.rule), flow.balance.residual) for path, flow in mode.layers]

    def traced(self, forward_pass: ForwardPass) -> tuple[Tensor, RelevanceMode]:
        """The relevance of the pixels, and the mode that has seen the layers at work."""
        images = forward_pass.images.clone().requires_grad_()
        with torch.enable_grad():
            logits, mode = traced_logits(forward_pass.model, images, self.composite)
            begin = logits * logits.detach()  # its gradient is the logit, the relevance to begin with
        return target_gradients(begin, forward_pass.targets, images), mode

    def misfit(self, model: nn.Module) -> str:
        if not isinstance(model, Classifier):
            return ""
        parameter = next(model.parameters())
        image = torch.zeros(1, *model.spec.shape, device=parameter.device, dtype=parameter.dtype, requires_grad=True)
        try:
            with torch.enable_grad():
                traced_logits(model, image, self.composite)
        except InputError as error:
            return str(error)
        return ""


def traced_logits(model: nn.Module, images: Tensor, composite: Composite) -> tuple[Tensor, RelevanceMode]:
    """The logits of `images`, a leaf, with a graph that carries relevance, and the mode that recorded its layers.

    Raises `InputError` for a layer that relevance has no rule for.
    """
    mode = RelevanceMode(model, images, composite)
    with mode.following():
        if isinstance(model, GCM):
            return model.class_contribution_maps(images).mean((2, 3, 4)), mode
        return model(images), mode
