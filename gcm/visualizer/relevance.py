"""Layer-wise relevance propagation and deep Taylor decomposition."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from gcm.error import InputError
from gcm.model import GCM, Classifier
from gcm.setting import NonNegativeNumber
from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass, target_gradients
from gcm.visualizer.relevance_mode import Composite, RelevanceMode
from gcm.visualizer.relevance_rule import AlphaBeta, Bounded, Epsilon, Gamma, Rule, ZPlus

RuleName = Literal["epsilon", "gamma", "alpha_beta", "z_plus", "bounded"]


class Relevance(Visualizer):
    """The logit of each class, handed back from layer to layer until it lies on the pixels, `(B,K,C,H,W)`."""

    @property
    @abstractmethod
    def composite(self) -> Composite:
        """Which rule for which layer."""

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        images = forward_pass.images.clone().requires_grad_()
        with torch.enable_grad():
            logits, _ = traced_logits(forward_pass.model, images, self.composite)
            begin = logits * logits.detach()  # its gradient is the logit, the relevance to begin with
        return target_gradients(begin, forward_pass.targets, images)

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


class DeepTaylor(Relevance):
    """Deep Taylor decomposition: the bounded rule for the pixels, z+ for all other layers. Biases get no relevance.

    Source: Montavon et al., "Explaining nonlinear classification decisions with deep Taylor decomposition", 2017. The
    class's logit is handed back also where it is negative. Batch normalisation is folded into the layer before it; max
    pooling hands all to the pixel that won; GCM's product of map and image hands all to the map.
    """

    @property
    def composite(self) -> Composite:
        return Composite(Bounded(), ZPlus(), ZPlus())

    def by_construction(self, model: nn.Module) -> Mapping[str, str]:
        return {"raw": "relevance is conserved, so it adds up to the logit"}


class LRP(Relevance):
    """Layer-wise relevance propagation, with a rule for the pixels, one for convolutions and one for linear layers.

    Source: Bach et al., 2015; the default composite (bounded, gamma, epsilon) after Montavon et al., "Layer-wise
    relevance propagation: an overview", 2019. Otherwise as `DeepTaylor`; under the rules `epsilon`, `gamma` and
    `alpha_beta` biases take part of the relevance.
    """

    def __init__(
        self,
        pixels: RuleName = "bounded",
        convolution: RuleName = "gamma",
        linear: RuleName = "epsilon",
        epsilon: NonNegativeNumber = 1e-6,
        gamma: NonNegativeNumber = 0.25,
        alpha: NonNegativeNumber = 2.0,
        beta: NonNegativeNumber = 1.0,
    ) -> None:
        """`epsilon` is in units of the logits; `alpha` - `beta` must be 1."""
        self.pixels, self.convolution, self.linear = pixels, convolution, linear
        self.epsilon, self.gamma, self.alpha, self.beta = epsilon, gamma, alpha, beta
        AlphaBeta(alpha, beta)

    @property
    def composite(self) -> Composite:
        return Composite(*(self.rule(name) for name in (self.pixels, self.convolution, self.linear)))

    def rule(self, name: RuleName) -> Rule:
        rules: dict[RuleName, Rule] = {
            "epsilon": Epsilon(self.epsilon),
            "gamma": Gamma(self.gamma),
            "alpha_beta": AlphaBeta(self.alpha, self.beta),
            "z_plus": ZPlus(),
            "bounded": Bounded(),
        }
        return rules[name]


def traced_logits(model: nn.Module, images: Tensor, composite: Composite) -> tuple[Tensor, RelevanceMode]:
    """The logits of `images`, a leaf, with a graph that carries relevance, and the mode that recorded its layers.

    Raises `InputError` for a layer that relevance has no rule for.
    """
    mode = RelevanceMode(model, images, composite)
    with mode.following():
        if isinstance(model, GCM):
            return model.class_contribution_maps(images).mean((2, 3, 4)), mode
        return model(images), mode
