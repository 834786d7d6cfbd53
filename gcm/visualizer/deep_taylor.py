"""Deep Taylor decomposition."""

from gcm.visualizer.relevance import Bounded, Composite, Relevance, ZPlus


class DeepTaylor(Relevance):
    """Relevance by the bounded rule for the pixels and z+ for all other layers.

    Source: Montavon et al., "Explaining nonlinear classification decisions with deep Taylor decomposition", 2017.
    Biases get no relevance, so it adds up to the logit, except where a layer's output has no cause but its bias.
    Departure: negative outputs of layers without ReLU, see `relevance.rule`; so a negative logit has no positive
    relevance at all.
    """

    @property
    def composite(self) -> Composite:
        return Composite(Bounded(), ZPlus(), ZPlus(), ZPlus())
