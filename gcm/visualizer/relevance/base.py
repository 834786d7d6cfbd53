"""All visualizers by relevance share this backward pass."""

from abc import abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gcm.error import InputError
from gcm.model import Classifier, ContributionMapping
from gcm.model.answer import logits_of
from gcm.model.steps import goes_by_steps
from gcm.visualizer.base import Visualizer, inspected
from gcm.visualizer.forward_pass import ForwardPass, check_differentiable, one_line, target_gradients
from gcm.visualizer.relevance.composite import Composite
from gcm.visualizer.relevance.flow import LayerFlow
from gcm.visualizer.relevance.mode import RelevanceMode


class LayerResidual(NamedTuple):
    """A layer's residual says how much relevance it loses.

    Attributes:
        layer: path of the module.
        rule: the rule by which it hands relevance on.
        residual: mean `|handed on - received|` over images and classes, relative to the mean `|received|`; rounding
            alone gives about 1e-6 in float32. The missing part went to biases, or to the rule's epsilon.
    """

    layer: str
    rule: str
    residual: float


class Relevance(Visualizer):
    """Relevance is the logit of each class, handed back from layer to layer until it lies on the pixels: `(B,K,C,H,W)`.

    Batch normalisation is folded into the layer before it. Max pooling hands all to the pixel that won, a mean to its
    inputs in proportion, GCM's product of map and image all to the map. A logit is handed back also where it is
    negative.
    """

    @property
    @abstractmethod
    def composite(self) -> Composite:
        """The rule for each layer."""

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        return self.traced(forward_pass)[0]

    def conservation(self, model: nn.Module, images: Tensor) -> list[LayerResidual]:
        """Measure whether each linear layer hands on what it receives, from the first to the last, for all classes of
        `images`.

        Layers that do not count in the logits are left out. Raises `InputError` as a call does.
        """
        with inspected(model, images) as forward_pass:
            self.check_fits(model)
            _, layers = self.traced(forward_pass)
        return [LayerResidual(flow.path, repr(flow.rule), flow.residual) for flow in layers if flow.received]

    def traced(self, forward_pass: ForwardPass) -> tuple[Tensor, list[LayerFlow]]:
        """Return the relevance of the pixels, and the layers that it has gone through."""
        check_differentiable(forward_pass.model)
        images = forward_pass.images.clone().requires_grad_()
        with one_line(forward_pass.model, forward_pass.images), torch.enable_grad():
            logits, layers = traced_logits(forward_pass.model, images)
            begin = logits * logits.detach()  # its gradient is the logit, the relevance to begin with
        self.composite.assign(layers)
        with one_line(forward_pass.model, forward_pass.images):
            return target_gradients(begin, forward_pass.targets, images, forward_pass.model), layers

    def misfit(self, model: nn.Module) -> str:
        if not isinstance(model, Classifier):
            return ""
        parameter = next(model.parameters())
        image = torch.zeros(1, *model.spec.shape, device=parameter.device, dtype=parameter.dtype)
        try:
            with inspected(model, image) as forward_pass, one_line(model, image), torch.enable_grad():
                check_differentiable(model)
                traced_logits(model, forward_pass.images.clone().requires_grad_())
        except InputError as error:
            return str(error)
        return ""


def traced_logits(model: nn.Module, images: Tensor) -> tuple[Tensor, list[LayerFlow]]:
    """Return the logits of `images`, a leaf, with a graph that carries relevance, and its linear layers, still without
    rules.

    Raises `InputError` for a layer that relevance has no rule for.
    """
    by_steps = isinstance(model, ContributionMapping) and goes_by_steps(model)
    mode = RelevanceMode(model, images)
    with mode.following():
        logits = (
            model.class_contribution_maps(images).mean((2, 3, 4))
            if by_steps and isinstance(model, ContributionMapping)
            else logits_of(model, images)
        )
    mode.check_graph(logits)
    return logits, mode.layers
