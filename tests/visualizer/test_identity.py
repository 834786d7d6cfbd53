"""Identities with closed answers."""

import pytest
import torch
from sample import images_of, randomized
from torch import nn
from torch.nn import functional as F

from gcm.data import ImageSpec
from gcm.model import CNN, GCM
from gcm.rendering import Product
from gcm.visualizer import CAM, ClassWeightMaps, GradCAM, GuidedBackprop
from gcm.visualizer.gcm import centre_of

SPEC = ImageSpec.of(3, 32, 5)


def test_grad_cam_on_pooling_and_a_linear_layer_is_cam_over_the_area():
    network, images = randomized(CNN(SPEC)).double(), images_of(SPEC, dtype=torch.float64)
    torch.testing.assert_close(GradCAM()(network, images).maps, CAM()(network, images).maps / 64)


def test_cam_sums_to_the_logit_without_bias():
    network, images = randomized(CNN(SPEC)).double(), images_of(SPEC, dtype=torch.float64)
    explanation = CAM()(network, images)
    torch.testing.assert_close(explanation.maps.sum((2, 3, 4)) / 64, explanation.logits - network.linear.bias)


def test_guided_backprop_is_the_gradient_where_all_signals_are_positive():
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 36, 2)).double()
    for parameter in network.parameters():
        nn.init.uniform_(parameter, 0.1, 1)
    images = torch.rand(2, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(images)[:, 0].sum(), images)
    torch.testing.assert_close(GuidedBackprop()(network, images).maps[:, 0], gradient)


def test_guided_backprop_by_hand():
    """y = relu(x) * 2 - relu(-x), x = image - 1/2: forward switches and sign of the signal both close the way."""

    class TwoWays(nn.Module):
        def forward(self, images):
            positive, negative = F.relu(images - 0.5), F.relu(0.5 - images)
            return torch.stack([2 * positive - negative, -positive + 3 * negative], 1).flatten(2).sum(2)

    images = torch.tensor([[[[1.0, 0.0]]]])
    maps = GuidedBackprop()(TwoWays(), images).maps
    assert maps[0, 0].tolist() == [[[2.0, 0.0]]]
    assert maps[0, 1].tolist() == [[[0.0, -3.0]]]


def test_gcm_maps_times_image_average_to_the_scores():
    for network in (GCM(SPEC), GCM(SPEC, clipped=True), GCM(SPEC, shared_depth=2)):
        network, images = randomized(network).double().eval(), images_of(SPEC, dtype=torch.float64)
        explanation = ClassWeightMaps()(network, images)
        product = Product()(explanation.maps, images)
        torch.testing.assert_close(product.mean((2, 3, 4)), explanation.logits, rtol=0, atol=1e-13)
        torch.testing.assert_close(product, network.class_contribution_maps(images))


@pytest.mark.parametrize("centre", ["mean", "median", "minimum"])
@pytest.mark.parametrize("classes", [4, 5])
def test_centred_maps_times_image_give_the_same_probabilities(centre, classes):
    spec = ImageSpec.of(3, 16, classes)
    network, images = randomized(GCM(spec)).double(), images_of(spec, dtype=torch.float64)
    explanation = ClassWeightMaps(centre)(network, images)
    centred_scores = Product()(explanation.maps, images).mean((2, 3, 4))
    torch.testing.assert_close(centred_scores.softmax(1), explanation.logits.softmax(1), rtol=1e-12, atol=1e-14)
    difference = explanation.logits - centred_scores
    torch.testing.assert_close(difference, difference[:, :1].expand_as(difference))


def test_what_is_taken_from_all_classes_by_hand():
    maps = torch.tensor([3.0, 1.0, -6.0, 10.0]).view(1, 4, 1, 1)
    assert [centre_of(maps, name).item() for name in ("mean", "median", "minimum")] == [2, 2, -6]
    assert centre_of(maps[:, :3], "median").item() == 1


def test_absolute_values_of_maps_less_their_minimum_add_up_as_the_maps_do():
    network, images = randomized(GCM(SPEC)).double(), images_of(SPEC, dtype=torch.float64)
    sums = ClassWeightMaps("minimum")(network, images).maps.abs().sum((2, 3, 4))
    plain = ClassWeightMaps()(network, images).maps.sum((2, 3, 4))
    torch.testing.assert_close(sums - sums.mean(1, keepdim=True), plain - plain.mean(1, keepdim=True))
