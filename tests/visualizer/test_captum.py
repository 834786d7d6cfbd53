"""Against captum, in float64, on random networks."""

import pytest
import torch
from captum.attr import GuidedBackprop as CaptumGuidedBackprop
from captum.attr import GuidedGradCam as CaptumGuidedGradCam
from captum.attr import LayerGradCam
from sample import images_of, randomized

from gcm.data import ImageSpec
from gcm.model import CNN, GCM
from gcm.visualizer import GradCAM, GuidedBackprop, GuidedGradCAM

TOLERANCE = 1e-8  # of the largest value
SPECS = [ImageSpec.of(1, 28, 4), ImageSpec.of(3, 32, 3)]
OF_CAPTUM = [
    "ignore:Input Tensor 0 did not already require gradients:UserWarning",
    "ignore:Setting forward, backward hooks and attributes on non-linear:UserWarning",
    "ignore:Setting backward hooks on ReLU activations:UserWarning",
]
pytestmark = [pytest.mark.filterwarnings(warning) for warning in OF_CAPTUM]


@pytest.fixture(params=range(3))
def seed(request):
    torch.manual_seed(request.param)
    return request.param


def random_network(kind, spec):
    network = randomized(kind(spec, widths=(6, 8, 10))).double().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False  # captum's hooks cannot see in-place ReLUs
    return network


def assert_equal(maps, expected):
    largest = expected.abs().max()
    assert largest > 1e-6
    torch.testing.assert_close(maps, expected, rtol=0, atol=TOLERANCE * largest.item())


def peer_maps(attribute, images, classes):
    return torch.stack([attribute(images, target).detach() for target in range(classes)], 1)


@pytest.mark.parametrize("spec", SPECS, ids=["grey", "colour"])
@pytest.mark.parametrize("kind", [CNN, GCM])
@pytest.mark.usefixtures("seed")
def test_guided_backprop(kind, spec):
    network, images = random_network(kind, spec), images_of(spec, count=3, dtype=torch.float64)
    peer = CaptumGuidedBackprop(network)
    expected = peer_maps(lambda x, k: peer.attribute(x, target=k), images, len(spec.classes))
    assert_equal(GuidedBackprop()(network, images).maps, expected)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("spec", SPECS, ids=["grey", "colour"])
@pytest.mark.usefixtures("seed")
def test_grad_cam(spec, relu):
    network, images = random_network(CNN, spec), images_of(spec, count=3, dtype=torch.float64)
    peer = LayerGradCam(network, network.trunk)
    expected = peer_maps(lambda x, k: peer.attribute(x, target=k, relu_attributions=relu), images, len(spec.classes))
    assert_equal(GradCAM(relu)(network, images).maps, expected)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("spec", SPECS, ids=["grey", "colour"])
@pytest.mark.usefixtures("seed")
def test_guided_grad_cam(spec, interpolation):
    network, images = random_network(CNN, spec), images_of(spec, count=3, dtype=torch.float64)
    peer = CaptumGuidedGradCam(network, network.trunk)
    expected = peer_maps(
        lambda x, k: peer.attribute(x, target=k, interpolate_mode=interpolation), images, len(spec.classes)
    )
    assert_equal(GuidedGradCAM(interpolation)(network, images).maps, expected)
