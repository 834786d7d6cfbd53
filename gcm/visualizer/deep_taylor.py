"""Deep Taylor decomposition: relevance by the bounded and the z+ rule."""

from gcm.visualizer.relevance import Bounded, Composite, Relevance, ZPlus


class DeepTaylor(Relevance):
    """Deep Taylor decomposition hands a logit back to the pixels, by the bounded rule for them and z+ for all other
    layers.

    Source: Montavon et al., "Explaining nonlinear classification decisions with deep Taylor decomposition", 2017.
    Biases get no relevance, so the maps `(B,K,C,H,W)` add up to the logits, except where a layer's output has no cause
    but its bias. Departure: negative outputs of layers without ReLU, see `relevance.rule`; so a negative logit has no
    positive relevance at all.

    >>> import gcm, torch
    >>> image = torch.full((1, 1, 32, 32), 0.5)
    >>> explanation = gcm.visualizer.DeepTaylor()(gcm.load("gcm_digits"), image)
    >>> torch.allclose(explanation.maps.sum((2, 3, 4)), explanation.logits, rtol=1e-3)
    True
    """

    @property
    def composite(self) -> Composite:
        return Composite(Bounded(), ZPlus(), ZPlus(), ZPlus())
