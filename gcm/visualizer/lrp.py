"""Layer-wise relevance propagation."""

from typing import Literal

from gcm.setting import NonNegativeNumber
from gcm.visualizer.relevance import AlphaBeta, Bounded, Composite, Epsilon, Gamma, Relevance, Rule, ZPlus

RuleName = Literal["epsilon", "gamma", "alpha_beta", "z_plus", "bounded"]


class LRP(Relevance):
    """Relevance by a rule for the layer that reads the pixels, one for convolutions and one for linear layers.

    Source: Bach et al., "On pixel-wise explanations for non-linear classifier decisions by layer-wise relevance
    propagation", 2015; the default composite after Montavon et al., "Layer-wise relevance propagation: an overview",
    2019. Under the rules `epsilon`, `gamma` and `alpha_beta` biases take part of the relevance.
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
        """`epsilon` is in units of the layer's outputs; `alpha` - `beta` must be 1."""
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
