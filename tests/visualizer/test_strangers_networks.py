"""Visualizers on networks that are not of the zoo."""

import copy

import pytest
import torch
from sample import images_of
from torch import nn

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import FeatureClassifier
from gcm.visualizer import (
    GradCAM,
    GuidedBackprop,
    Uniform,
)


def test_visualizers_work_on_strangers_networks():
    """Plain modules, without a spec."""
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 18 * 18, 3))
    images = images_of(ImageSpec.of(1, 20, 4))
    assert GuidedBackprop()(network, images).maps.shape == (4, 3, 1, 20, 20)
    assert Uniform()(copy.deepcopy(network), images).maps.shape == (4, 3, 1, 20, 20)
    with pytest.raises(InputError, match="needs a FeatureClassifier"):
        GradCAM()(network, images)


class OwnHead(FeatureClassifier):
    """A head that is not linear, for Grad-CAM."""

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__(spec)
        self.convolution = nn.Conv2d(spec.channels, 5, 3)
        self.hidden = nn.Linear(5, 7)
        self.out = nn.Linear(7, len(spec.classes))

    def features(self, images):
        return self.convolution(images).relu()

    def head(self, features):
        return self.out(torch.tanh(self.hidden(features.mean((2, 3)))))


def test_grad_cam_takes_the_gradient_at_the_images_own_features():
    spec = ImageSpec.of(3, 16, 3)
    network, images = OwnHead(spec).double(), images_of(spec, dtype=torch.float64)
    features = network.features(images).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(network.head(features)[:, 1].sum(), features)
    by_hand = (gradient.mean((2, 3), keepdim=True) * features).sum(1)
    torch.testing.assert_close(GradCAM()(network, images).maps[:, 1, 0], by_hand)
