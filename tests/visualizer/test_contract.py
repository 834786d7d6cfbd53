"""What every visualizer must do, on every network that it fits."""

import pytest
import torch
from sample import NETWORKS, VISUALIZERS, images_of, randomized
from torch import nn

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.visualizer import CAM, ClassWeightMaps, GradCAM, explain_with

SPECS = {"grey": ImageSpec.of(1, 20, 4), "colour": ImageSpec.of(3, 16, 3)}
FITTING = [
    pytest.param((visualizer, build, spec), id=f"{name}-{network}-{channels}")
    for row, (name, visualizer) in enumerate(VISUALIZERS.items())
    for column, (network, build) in enumerate(NETWORKS.items())
    for place, (channels, spec) in enumerate(SPECS.items())
    if (row + column + place) % 2 == 0 and not visualizer.misfit(build(spec))
]
"""Every visualizer on every network that it fits, on images of either kind in turn."""
ONE_NETWORK = [
    next(param for param in FITTING if param.values[0][0] is visualizer)
    for visualizer in VISUALIZERS.values()
    if any(param.values[0][0] is visualizer for param in FITTING)
]
"""What is checked before a network is looked at is the same on all: every visualizer once."""


def test_every_visualizer_fits_some_network():
    assert [param.values[0][0] for param in ONE_NETWORK] == list(VISUALIZERS.values())


@pytest.fixture(params=FITTING)
def case(request):
    """A visualizer, a network that it fits, and images."""
    visualizer, build, spec = request.param
    return visualizer, randomized(build(spec)), images_of(spec)


def state_of(network: nn.Module):
    """All that a visualizer could disturb: weights, buffers, gradients, modes, hooks, modules and attributes."""
    return {
        "tensors": {name: tensor.clone() for name, tensor in network.state_dict(keep_vars=False).items()},
        "gradients": {name: parameter.grad for name, parameter in network.named_parameters()},
        "flags": {name: parameter.requires_grad for name, parameter in network.named_parameters()},
        "modules": {
            name: (id(module), module.training, sorted(vars(module)), hooks_of(module))
            for name, module in network.named_modules()
        },
    }


def hooks_of(module: nn.Module):
    return [len(hooks) for name, hooks in sorted(vars(module).items()) if name.endswith("_hooks")]


def assert_untouched(before, network: nn.Module):
    after = state_of(network)
    assert all(torch.equal(tensor, after["tensors"][name]) for name, tensor in before["tensors"].items())
    assert {key: before[key] for key in ("gradients", "flags", "modules")} == {
        key: after[key] for key in ("gradients", "flags", "modules")
    }


def test_maps_of_all_classes_come_with_the_logits(case):
    visualizer, network, images = case
    explanation = visualizer(network, images)
    classes, (batch, channels, height, width) = len(network.spec.classes), images.shape
    assert explanation.maps.dtype == torch.float32
    assert explanation.maps.shape[:2] == (batch, classes)
    assert explanation.maps.shape[2] in (1, channels)
    assert explanation.maps.shape[3] <= height
    assert explanation.maps.shape[4] <= width
    assert explanation.maps.isfinite().all()
    assert not explanation.maps.requires_grad
    with torch.no_grad():
        torch.testing.assert_close(explanation.logits, network.eval()(images))


def test_a_batch_equals_its_images_one_by_one(case):
    visualizer, network, images = case
    network, images = network.double(), images.double()
    together = visualizer(network, images).maps
    one_by_one = torch.cat([visualizer(network, image.unsqueeze(0)).maps for image in images])
    torch.testing.assert_close(together, one_by_one, rtol=1e-9, atol=1e-12)


def test_the_same_call_gives_the_same_maps(case):
    visualizer, network, images = case
    assert torch.equal(visualizer(network, images).maps, visualizer(network, images).maps)


def test_targets_are_taken_from_all_classes(case):
    visualizer, network, images = case
    network, images = network.double(), images.double()
    maps = visualizer(network, images).maps
    torch.testing.assert_close(visualizer(network, images, [2, 0]).maps, maps[:, [2, 0]])
    own = torch.tensor([[0], [1], [2], [1]])
    torch.testing.assert_close(visualizer(network, images, own).maps[:, 0], maps[torch.arange(4), own[:, 0]])


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_was(case, training):
    visualizer, network, images = case
    network.train(training)
    next(network.modules()).training = training
    list(network.children())[-1].eval()  # a mode of its own must survive too
    before = state_of(network)
    visualizer(network, images)
    assert_untouched(before, network)


def fail(*_):
    raise RuntimeError("in the middle")


@pytest.mark.parametrize("place", [0, 1])
def test_the_network_is_left_as_it_was_after_an_exception(case, place):
    visualizer, network, images = case
    network.train()
    leaves = [module for module in network.modules() if not list(module.children())]
    leaves[place * len(leaves) // 2].forward = fail
    before = state_of(network)
    with pytest.raises(RuntimeError, match="in the middle"):
        visualizer(network, images)
    assert_untouched(before, network)


def test_the_callers_images_are_left_alone(case):
    visualizer, network, images = case
    images.requires_grad_()
    before = images.detach().clone()
    visualizer(network, images)
    assert torch.equal(images, before)
    assert images.grad is None


def test_autograd_may_be_off_outside(case):
    visualizer, network, images = case
    with torch.no_grad():
        quiet = visualizer(network, images).maps
    torch.testing.assert_close(quiet, visualizer(network, images).maps)


@pytest.mark.parametrize("case", ONE_NETWORK, indirect=True)
@pytest.mark.parametrize("wrong", [torch.rand(2, 2, 16, 16), torch.rand(3, 16, 16), torch.ones(1, 3, 16, 16).byte()])
def test_wrong_images_are_refused(case, wrong):
    visualizer, network, _ = case
    with pytest.raises(InputError, match=r"takes float images \(B,"):
        visualizer(network, wrong)


@pytest.mark.parametrize("case", ONE_NETWORK, indirect=True)
@pytest.mark.parametrize(
    ("targets", "message"),
    [([9], "classes 0 to"), ([-1], "classes 0 to"), ([0.5], "class indices"), ([], "class indices")],
)
def test_wrong_targets_are_refused(case, targets, message):
    visualizer, network, images = case
    with pytest.raises(InputError, match=message):
        visualizer(network, images, targets)


def test_what_does_not_fit_is_refused_by_name():
    spec = SPECS["colour"]
    with pytest.raises(InputError, match=r"ClassWeightMaps\(centre=.none.\) does not fit CNN: only GCM"):
        ClassWeightMaps()(NETWORKS["cnn"](spec), images_of(spec))
    with pytest.raises(InputError, match=r"CAM\(\) does not fit LeNet: CAM needs global average pooling"):
        CAM()(NETWORKS["tiny_lenet"](spec), images_of(spec))
    with pytest.raises(InputError, match=r"GradCAM\(relu=False\) does not fit GCM"):
        GradCAM()(NETWORKS["gcm"](spec), images_of(spec))


def test_together_they_give_what_each_gives_alone():
    spec = SPECS["colour"]
    network, images = randomized(NETWORKS["cnn"](spec)).double(), images_of(spec, dtype=torch.float64)
    fitting = {name: visualizer for name, visualizer in VISUALIZERS.items() if not visualizer.misfit(network)}
    for name, explanation in explain_with(fitting, network, images).items():
        torch.testing.assert_close(explanation.maps, VISUALIZERS[name](network, images).maps)


@pytest.mark.parametrize(
    ("names", "forwards"), [(["cam", "grad_cam", "uniform"], 1), (["guided_backprop", "guided_grad_cam", "cam"], 1)]
)
def test_the_trunk_is_run_once_for_all(names, forwards):
    spec = SPECS["colour"]
    network = NETWORKS["cnn"](spec)
    calls = []
    network.trunk[1].register_forward_hook(lambda *_: calls.append(1))
    explain_with({name: VISUALIZERS[name] for name in names}, network, images_of(spec))
    assert len(calls) == forwards


def test_cam_and_grad_cam_never_go_back_through_the_trunk():
    spec = SPECS["colour"]
    network = NETWORKS["cnn"](spec)
    network.trunk[-1].register_full_backward_hook(lambda *_: pytest.fail("backward through the trunk"))
    network.trunk[-1].inplace = False
    for visualizer in (CAM(), GradCAM()):
        visualizer(network, images_of(spec))
