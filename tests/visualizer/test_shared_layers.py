"""Relevance through layers that several others read: the same as if the layer were called again for each reader."""

import pytest
import torch
from sample import randomized
from torch import nn
from torch.nn import functional as F

from gcm.visualizer import LRP, DeepTaylor

IMAGES = torch.rand(3, 2, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
VISUALIZERS = {
    "lrp": LRP(),
    "epsilon": LRP("epsilon", "epsilon", "epsilon", epsilon=0.01),
    "alpha_beta": LRP("alpha_beta", "alpha_beta", "alpha_beta"),
    "deep_taylor": DeepTaylor(),
}


class Parts(nn.Module):
    """The first layers, with or without biases, and what some of them end in."""

    def __init__(self, again: bool, biases: bool) -> None:
        super().__init__()
        self.again = again
        self.first = nn.Conv2d(2, 4, 3, padding=1, bias=biases)
        self.second = nn.Conv2d(4, 4, 3, padding=1, bias=biases)
        self.norm, self.other_norm = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        self.linear = nn.LazyLinear(3, bias=biases)

    def forward(self, images):
        return self.linear(torch.cat([part.flatten(1) for part in self.parts(images)], 1))

    def called(self, images):
        """The first layer once, or again for every reader."""
        once = self.first(images)
        return (lambda: self.first(images)) if self.again else (lambda: once)


class NormAndPlain(Parts):
    def parts(self, images):
        first = self.called(images)
        return self.norm(first()).relu(), first()


class PlainAndNorm(Parts):
    def parts(self, images):
        first = self.called(images)
        plain = first().relu()
        return plain, self.norm(first()).relu()


class TwoNorms(Parts):
    def parts(self, images):
        first = self.called(images)
        return self.norm(first()).relu(), self.other_norm(first())


class ShortCut(Parts):
    """A residual block whose branches are joined side by side."""

    def parts(self, images):
        first = self.called(images)
        return self.norm(self.second(F.relu(self.norm(first())))), F.max_pool2d(first(), 2)


class Third(Parts):
    """Read by a convolution, by batch normalisation, and pooled."""

    def parts(self, images):
        first = self.called(images)
        return self.second(first()).relu(), self.norm(first()).relu(), F.avg_pool2d(input=first(), kernel_size=2)


class InPlaceAfterwards(Parts):
    """A convolution reads what an activation then writes into; so does a pooling."""

    def parts(self, images):
        first = self.called(images)
        pooled, second = F.avg_pool2d(first(), 2), self.second(first())
        activated = F.relu_(first())
        return pooled, second, activated


class NormThenInPlace(Parts):
    def parts(self, images):
        first = self.called(images)
        normalized = self.norm(first())
        kept = first().mean((2, 3))
        return F.relu(normalized, inplace=True), kept, F.relu(first(), inplace=True)


class Deep(Parts):
    """Not the layer that reads the pixels, so that half of the convolutions are the lower ones."""

    def parts(self, images):
        before = self.first(images).relu()
        once = self.second(before)
        return self.norm(once).relu(), (self.second(before) if self.again else once)


KINDS = [NormAndPlain, PlainAndNorm, TwoNorms, ShortCut, Third, InPlaceAfterwards, NormThenInPlace, Deep]


def built(kind: type[Parts], again: bool, biases: bool = True) -> Parts:
    torch.manual_seed(0)
    network = kind(again, biases).double()
    network(IMAGES)
    network = randomized(network).double().eval()
    if not biases:
        for norm in (network.norm, network.other_norm):
            nn.init.zeros_(norm.running_mean)
            nn.init.zeros_(norm.bias)
    return network


@pytest.mark.parametrize("visualizer", VISUALIZERS.values(), ids=VISUALIZERS)
@pytest.mark.parametrize("kind", KINDS)
def test_as_if_the_layer_were_called_again(kind, visualizer):
    expected = visualizer(built(kind, again=True), IMAGES)
    found = visualizer(built(kind, again=False), IMAGES)
    torch.testing.assert_close(found.logits, expected.logits)
    torch.testing.assert_close(found.maps, expected.maps, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("visualizer", [LRP(), DeepTaylor()], ids=["lrp", "deep_taylor"])
@pytest.mark.parametrize("kind", KINDS)
def test_without_biases_relevance_is_conserved(kind, visualizer):
    network = built(kind, again=False, biases=False)
    explanation = visualizer(network, IMAGES)
    torch.testing.assert_close(explanation.maps.sum((2, 3, 4)), explanation.logits, rtol=1e-5, atol=1e-9)
    layers = visualizer.conservation(network, IMAGES)
    assert max(layer.residual for layer in layers) < 1e-5


class ByHand(nn.Module):
    """The logit of one pixel x: 3 (x + 1) by way of batch normalisation, and x + 1 without."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm, self.linear = nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=0.0), nn.Linear(2, 1, bias=False)
        for parameter in self.parameters():
            nn.init.ones_(parameter)
        nn.init.constant_(self.norm.weight, 3.0)
        nn.init.zeros_(self.norm.bias)

    def forward(self, images):
        read = self.layer(images)
        return self.linear(torch.cat([self.norm(read), read], 1).flatten(1))


def test_by_hand():
    """At x = 1/3 each branch gives x / (x + 1) = 1/4 of its relevance 4 and 4/3 to x, and the rest to the bias."""
    images = torch.full((1, 1, 1, 1), 1 / 3, dtype=torch.float64)
    found = LRP("epsilon", "epsilon", "epsilon", epsilon=0.0)(ByHand().double().eval(), images)
    assert found.logits.item() == pytest.approx(4 + 4 / 3)
    assert found.maps.item() == pytest.approx(1 + 1 / 3)
