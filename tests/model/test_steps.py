"""Inner steps speak for a network only where its logits are made from them."""

import pytest
import torch
from sample import images_of, randomized
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import CNN, GCM
from gcm.model.steps import goes_by_steps, has_pooled_head
from gcm.visualizer import (
    CAM,
    LRP,
    ClassContributionMaps,
    ClassWeightMaps,
    GradCAM,
    GuidedBackprop,
    GuidedGradCAM,
    InputXGradient,
    Occlusion,
    Saliency,
)

SPEC = ImageSpec.of(3, 16, 4)
IMAGES = images_of(SPEC, dtype=torch.float64)
BY_STEPS = [CAM(), GradCAM(), GuidedGradCAM()]
GCM_BY_STEPS = [ClassWeightMaps(), ClassContributionMaps("mean")]


def of(kind, **more):
    torch.manual_seed(0)
    return randomized(kind(SPEC, widths=(4, 6, 8), **more)).double().eval()


class Normalizing(CNN):
    def forward(self, images):
        return super().forward((images - 0.5) / 0.25)


class NormalizingCall(CNN):
    def __call__(self, images):
        return super().__call__(images * 0.5)


class Turned(CNN):
    def forward(self, images):
        return super().forward(images).roll(1, 1)


class SameForward(CNN):
    """Written otherwise, the same function."""

    def forward(self, images):
        return self.head(self.features(images * 1.0))


class OwnHead(CNN):
    def head(self, features):
        return self.linear(features.amax((2, 3)))


class SameHead(CNN):
    def head(self, features):
        return self.linear(nn.functional.adaptive_avg_pool2d(features, 1).flatten(1))


def hooked():
    network = of(CNN)
    network.register_forward_pre_hook(lambda _, given: (given[0] * 0.5,))
    return network


def hooked_logits():
    network = of(CNN)
    network.register_forward_hook(lambda _, _given, logits: logits.flip(1))
    return network


def replaced():
    network = of(CNN)
    network.forward = lambda images: network.head(network.features(images.flip(1)))
    return network


def hooked_layer():
    network = of(CNN)
    network.linear.register_forward_hook(lambda _, _given, logits: -logits)
    return network


def normed_layer():
    network = of(CNN)
    weight_norm(network.linear)
    return network


OTHER_FORWARD = {
    "normalizing": lambda: of(Normalizing),
    "normalizing in its call": lambda: of(NormalizingCall),
    "turned": lambda: of(Turned),
    "hook": hooked,
    "hook of logits": hooked_logits,
    "replaced forward": replaced,
}
PLAIN = [Saliency(), InputXGradient(), Occlusion(patch=8), GuidedBackprop(), LRP("epsilon", "epsilon", "epsilon")]


@pytest.mark.parametrize("visualizer", BY_STEPS, ids=repr)
@pytest.mark.parametrize("name", OTHER_FORWARD)
def test_steps_that_are_not_the_network_are_refused(name, visualizer):
    with pytest.raises(InputError, match=r"the logits of \w+ are not head\(features\(images\)\)"):
        visualizer(OTHER_FORWARD[name](), IMAGES)


@pytest.mark.parametrize("name", OTHER_FORWARD)
def test_others_explain_what_the_network_says(name):
    """As of a module that shows no steps."""

    class Wrapped(nn.Module):
        def __init__(self, network) -> None:
            super().__init__()
            self.network = network

        def forward(self, images):
            return self.network(images)

    network = OTHER_FORWARD[name]()
    for visualizer in PLAIN:
        expected, found = visualizer(Wrapped(network).eval(), IMAGES), visualizer(network, IMAGES)
        torch.testing.assert_close(found.logits, network(IMAGES))
        torch.testing.assert_close(found.maps, expected.maps)


def test_the_same_function_is_explained_however_it_is_written():
    expected = of(CNN)
    for kind in (SameForward, SameHead):
        network = of(kind)
        assert not (goes_by_steps(network) and has_pooled_head(network))
        for visualizer in BY_STEPS:
            torch.testing.assert_close(visualizer(network, IMAGES).maps, visualizer(expected, IMAGES).maps)


@pytest.mark.parametrize("network", [lambda: of(OwnHead), hooked_layer], ids=["head", "hook"])
def test_an_overridden_head(network):
    """CAM has no meaning there; Grad-CAM takes the gradient through it."""
    network = network()
    with pytest.raises(InputError, match="are not the linear layer of the pooled features"):
        CAM()(network, IMAGES)
    features = network.features(IMAGES).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(network.head(features)[:, 2].sum(), features)
    expected = (gradient.mean((2, 3), keepdim=True) * features).sum(1)
    torch.testing.assert_close(GradCAM()(network, IMAGES).maps[:, 2, 0], expected)
    assert not GradCAM().by_construction(network)


def test_weights_that_are_computed():
    network = normed_layer()
    expected = torch.einsum("bdhw,kd->bkhw", network.features(IMAGES), network.linear.weight)
    torch.testing.assert_close(CAM()(network, IMAGES).maps[:, :, 0], expected)


class NormalizingGCM(GCM):
    def forward(self, images):
        return super().forward((images - 0.5) / 0.25)


class OtherMaps(GCM):
    def decoded_weight_maps(self, decoded, targets=None):
        return super().decoded_weight_maps(decoded, targets).softmax(1)


class OtherScores(GCM):
    def scores(self, images, decoded):
        return super().scores(images, decoded) * 3


def reflecting():
    network = of(GCM)
    network.decoder.class_layer.padding_mode = "reflect"
    network.decoder.class_layer._reversed_padding_repeated_twice = (1, 1, 1, 1)
    return network


OTHER_GCM = {
    "forward": lambda: of(NormalizingGCM),
    "maps": lambda: of(OtherMaps),
    "scores": lambda: of(OtherScores),
    "class layer": reflecting,
}


@pytest.mark.parametrize("visualizer", GCM_BY_STEPS, ids=repr)
@pytest.mark.parametrize("name", OTHER_GCM)
def test_maps_that_are_not_the_score_are_refused(name, visualizer):
    with pytest.raises(InputError, match=r"the logits of \w+ are not the mean of weight map times image"):
        visualizer(OTHER_GCM[name](), IMAGES)
    explanation = Saliency()(OTHER_GCM[name](), IMAGES)
    torch.testing.assert_close(explanation.logits, OTHER_GCM[name]()(IMAGES))


def test_a_decoder_that_works_in_place():
    class InPlace(GCM):
        def decode(self, images):
            images -= 0.5
            return super().decode(images)

    class Twin(GCM):
        def decode(self, images):
            return super().decode(images - 0.5)

    network, twin = of(InPlace), of(Twin)
    for visualizer in (*GCM_BY_STEPS, LRP(), Saliency()):
        images = IMAGES.clone()
        torch.testing.assert_close(visualizer(network, images).maps, visualizer(twin, IMAGES).maps)
        assert torch.equal(images, IMAGES)
    torch.testing.assert_close(network.contributions(IMAGES.clone()).parts, twin.contributions(IMAGES).parts)
    torch.testing.assert_close(network(IMAGES.clone()), twin(IMAGES))
