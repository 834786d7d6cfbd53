"""Against captum, in float64, on random networks."""

from functools import partial

import pytest
import torch
from captum.attr import Deconvolution, LayerGradCam
from captum.attr import GuidedBackprop as CaptumGuidedBackprop
from captum.attr import GuidedGradCam as CaptumGuidedGradCam
from captum.attr import InputXGradient as CaptumInputXGradient
from captum.attr import IntegratedGradients as CaptumIntegratedGradients
from captum.attr import Occlusion as CaptumOcclusion
from captum.attr import Saliency as CaptumSaliency
from sample import images_of, randomized

from gcm.data import ImageSpec
from gcm.model import CNN, GCM
from gcm.visualizer import (
    Deconvnet,
    GradCAM,
    GuidedBackprop,
    GuidedGradCAM,
    InputXGradient,
    IntegratedGradients,
    Occlusion,
    Saliency,
)

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


def assert_equal(maps, expected, tolerance=TOLERANCE):
    largest = expected.abs().max()
    assert largest > 1e-6
    torch.testing.assert_close(maps, expected, rtol=0, atol=tolerance * largest.item())


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


GRADIENT_FAMILY = {
    "saliency": (Saliency(), lambda network: partial(CaptumSaliency(network).attribute, abs=False)),
    "input_x_gradient": (InputXGradient(), lambda network: CaptumInputXGradient(network).attribute),
    "integrated_gradients": (
        IntegratedGradients(steps=7),
        lambda network: partial(
            CaptumIntegratedGradients(network).attribute, baselines=0.0, n_steps=7, method="gausslegendre"
        ),
    ),
    "deconvnet": (Deconvnet(), lambda network: Deconvolution(network).attribute),
}


@pytest.mark.parametrize(("visualizer", "peer"), GRADIENT_FAMILY.values(), ids=GRADIENT_FAMILY)
@pytest.mark.parametrize("spec", SPECS, ids=["grey", "colour"])
@pytest.mark.parametrize("kind", [CNN, GCM])
@pytest.mark.usefixtures("seed")
def test_gradient_family(kind, spec, visualizer, peer):
    network, images = random_network(kind, spec), images_of(spec, count=3, dtype=torch.float64).requires_grad_()
    attribute = peer(network)
    expected = peer_maps(lambda x, k: attribute(x, target=k), images, len(spec.classes))
    rounded = isinstance(visualizer, IntegratedGradients)  # captum weighs its points in float32
    assert_equal(visualizer(network, images).maps, expected, 1e-6 if rounded else TOLERANCE)


@pytest.mark.parametrize("spec", SPECS, ids=["grey", "colour"])
@pytest.mark.parametrize("kind", [CNN, GCM])
@pytest.mark.usefixtures("seed")
def test_occlusion(kind, spec):
    """Captum writes a square's fall into each of its pixels, in float32."""
    network, images = random_network(kind, spec), images_of(spec, count=3, dtype=torch.float64)
    peer, window = CaptumOcclusion(network), (spec.channels, 4, 4)
    expected = peer_maps(
        lambda x, k: peer.attribute(x, target=k, sliding_window_shapes=window, strides=window, baselines=0.5),
        images,
        len(spec.classes),
    )
    maps = Occlusion(patch=4, value=0.5)(network, images).maps[:, :, 0]
    assert_equal(maps, expected[:, :, 0, ::4, ::4].double(), 1e-6)
