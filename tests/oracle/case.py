"""Random small networks and images: what hypothesis varies is their architecture, a seed gives their weights."""

from dataclasses import dataclass, field

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st
from oracle import network as by_hand
from sample import randomized
from torch import nn

from gcm.data import ImageSpec
from gcm.model import CNN, GCM, LabCNN, LeNet

few = settings.get_profile("oracle")
"""How many cases, see `conftest.py`."""
seeds = st.integers(0, 2**20)


@dataclass(frozen=True)
class Case:
    """Attributes:
    network: that is tested, in float64.
    oracle: the same network by hand.
    images: `(B,C,H,W)`, float64 in [0,1].
    """

    network: nn.Module
    oracle: by_hand.Network = field(repr=False)
    images: torch.Tensor = field(repr=False)

    @property
    def arrays(self):
        return self.images.numpy()


def spec_of(channels, height, width, classes):
    mean = tuple(0.3 + 0.1 * channel for channel in range(channels))
    return ImageSpec(channels, height, width, tuple(map(str, range(classes))), mean)


def images_for(spec, count=2):
    return torch.rand(count, *spec.shape, dtype=torch.float64)


@st.composite
def specs(draw, most_channels, smallest):
    """Images of `smallest` to `smallest + 3` pixels a side, of two or three classes."""
    sides = st.integers(smallest, smallest + 3)
    return spec_of(draw(st.integers(1, most_channels)), draw(sides), draw(sides), draw(st.integers(2, 3)))


@st.composite
def gcms(draw, count=2, can_be_clipped=True):
    spec, widths = draw(specs(3, 5)), draw(st.sampled_from([(2, 3, 2), (1, 2, 3), (2, 1, 2)]))
    shared_depth, conv_bias = draw(st.integers(0, 4)), draw(st.booleans())
    clipped = can_be_clipped and draw(st.booleans())
    torch.manual_seed(draw(seeds))
    network = randomized(GCM(spec, widths, shared_depth, clipped, conv_bias)).double().eval()
    oracle = by_hand.GCM(network, widths, shared_depth, spec.height, spec.width)
    return Case(network, oracle, images_for(spec, count))


@st.composite
def cnns(draw, count=2):
    spec, widths = draw(specs(3, 5)), draw(st.sampled_from([(2, 3, 2), (3, 2), (2,)]))
    conv_bias = draw(st.booleans())
    torch.manual_seed(draw(seeds))
    network = randomized(CNN(spec, widths, conv_bias)).double().eval()
    return Case(network, by_hand.cnn(network), images_for(spec, count))


@st.composite
def lenets(draw, count=2):
    spec, filters = draw(specs(2, 12)), draw(st.sampled_from([(2, 3), (3, 2)]))
    torch.manual_seed(draw(seeds))
    network = randomized(LeNet(spec, filters)).double().eval()
    return Case(network, by_hand.lenet(network), images_for(spec, count))


@st.composite
def lab_cnns(draw, count=2):
    spec = draw(specs(2, 10))
    torch.manual_seed(draw(seeds))
    network = randomized(LabCNN(spec, (2, 3), hidden=4)).double().eval()
    return Case(network, by_hand.lab_cnn(network), images_for(spec, count))


def classifiers(count=2):
    """Any of the architectures."""
    return st.one_of(gcms(count), cnns(count), lenets(count), lab_cnns(count))


def feature_classifiers(count=2):
    """Those that show their feature maps."""
    return st.one_of(cnns(count), lenets(count), lab_cnns(count))


def assert_same(found, expected, tolerance=1e-9):
    """Of the same shape, and equal up to a share of the largest value."""
    found, expected = np.asarray(found.detach() if torch.is_tensor(found) else found), np.asarray(expected)
    assert found.shape == expected.shape
    largest = np.abs(expected).max(initial=0)
    difference = np.abs(found - expected).max(initial=0)
    assert difference <= tolerance * largest + 1e-300, f"differ by {difference:.3g}, the largest is {largest:.3g}"
