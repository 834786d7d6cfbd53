"""LRP: layer-wise relevance propagation."""

from typing import Literal

from gcm.types import NonNegativeNumber
from gcm.visualizer.relevance import AlphaBeta, Bounded, Composite, Epsilon, Gamma, Relevance, Rule, ZPlus

RuleName = Literal["epsilon", "gamma", "alpha_beta", "z_plus", "bounded"]


class LRP(Relevance):
    """Layer-wise relevance propagation hands a logit back to the pixels, `(B,K,C,H,W)`, by a rule for each layer.

    The rule depends on where a layer stands: it reads the pixels, is one of the lower or upper convolutions (first and
    second half of the others), or is fully connected. Source: Bach et al., "On pixel-wise explanations for non-linear
    classifier decisions by layer-wise relevance propagation", 2015; composites: Montavon et al., "Layer-wise relevance
    propagation: an overview", 2019, section 10.3, which has epsilon for upper convolutions (`upper="epsilon"`). Under
    the rules `epsilon`, `gamma` and `alpha_beta` biases take part of the relevance.

    >>> import gcm, torch
    >>> lrp, network = gcm.visualizer.LRP(upper="epsilon"), gcm.load("tiny_lenet_digits")
    >>> [(found.layer, found.rule) for found in lrp.conservation(network, torch.ones(1, 1, 32, 32))][:2]
    [('convolution1', 'Bounded()'), ('convolution2', 'Gamma(gamma=0.25)')]
    """

    def __init__(
        self,
        pixels: RuleName = "bounded",
        lower: RuleName = "gamma",
        upper: RuleName = "gamma",
        linear: RuleName = "epsilon",
        epsilon: NonNegativeNumber = 1e-9,
        gamma: NonNegativeNumber = 0.25,
        alpha: NonNegativeNumber = 2.0,
        beta: NonNegativeNumber = 1.0,
    ) -> None:
        """Take a rule for each kind of layer; `epsilon` is in units of the layer's outputs.

        Raises `InputError` unless `alpha` - `beta` is 1.
        """
        self.pixels, self.lower, self.upper, self.linear = pixels, lower, upper, linear
        self.epsilon, self.gamma, self.alpha, self.beta = epsilon, gamma, alpha, beta
        AlphaBeta(alpha, beta)

    @property
    def composite(self) -> Composite:
        return Composite(*(self.rule(name) for name in (self.pixels, self.lower, self.upper, self.linear)))

    def rule(self, name: RuleName) -> Rule:
        rules: dict[RuleName, Rule] = {
            "epsilon": Epsilon(self.epsilon),
            "gamma": Gamma(self.gamma),
            "alpha_beta": AlphaBeta(self.alpha, self.beta),
            "z_plus": ZPlus(),
            "bounded": Bounded(),
        }
        return rules[name]
