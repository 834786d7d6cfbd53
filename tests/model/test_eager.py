"""Compiled, scripted and exported networks: explained as they were written, or refused in one line."""

import copy

import pytest
import torch
from sample import images_of, randomized
from torch import nn

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import CNN, GCM
from gcm.visualizer import (
    CAM,
    LRP,
    ClassWeightMaps,
    Deconvnet,
    DeepTaylor,
    GradCAM,
    GuidedBackprop,
    GuidedGradCAM,
    Occlusion,
    Saliency,
    SmoothGrad,
)

SPEC = ImageSpec.of(3, 16, 4)
IMAGES = images_of(SPEC)
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning", "ignore:`torch.jit:FutureWarning")
CNN_VISUALIZERS = [CAM(), GradCAM(), GuidedGradCAM(), Saliency(), Deconvnet(), LRP(), DeepTaylor(), Occlusion()]


def cnn() -> nn.Module:
    torch.manual_seed(0)
    return randomized(CNN(SPEC, widths=(4, 6, 8))).eval()


def part_compiled(network):
    network.trunk = torch.compile(network.trunk, backend="eager")
    return network


def compiled_in_place(network):
    network.compile(backend="eager")
    return network


COMPILED = {
    "whole": lambda network: torch.compile(network, backend="eager"),
    "in place": compiled_in_place,
    "part": part_compiled,
}


@pytest.mark.parametrize("visualizer", CNN_VISUALIZERS, ids=repr)
@pytest.mark.parametrize("how", COMPILED)
def test_what_is_compiled_is_explained_as_it_was_written(how, visualizer):
    network = COMPILED[how](cnn())
    found = visualizer(network, IMAGES)
    expected = visualizer(cnn(), IMAGES)
    torch.testing.assert_close(found.maps, expected.maps)
    torch.testing.assert_close(found.logits, expected.logits)


def test_gcm_compiled():
    torch.manual_seed(0)
    network = randomized(GCM(SPEC, widths=(4, 6, 8)))
    found = ClassWeightMaps()(torch.compile(network, backend="eager"), IMAGES)
    torch.testing.assert_close(found.maps, ClassWeightMaps()(network, IMAGES).maps)


def plain() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, 4)]
    return randomized(nn.Sequential(*layers)).eval()


def scripted(network):
    return torch.jit.script(network)


MADE = {
    "scripted": scripted,
    "traced": lambda network: torch.jit.trace(network, IMAGES),
    "frozen": lambda network: torch.jit.freeze(scripted(network)),
    "optimized": lambda network: torch.jit.optimize_for_inference(scripted(network)),
    "exported": lambda network: torch.export.export(network, (IMAGES,), strict=False).module(),
    "within another": lambda network: nn.Sequential(torch.jit.freeze(scripted(network)), nn.Identity()),
    "exported within another": lambda network: nn.Sequential(
        torch.export.export(network, (IMAGES,), strict=False).module(), nn.Identity()
    ),
    "symbolic": lambda network: torch.fx.symbolic_trace(network),
}
MADE_VISUALIZERS = [Saliency(), SmoothGrad(2), GuidedBackprop(), Deconvnet(), LRP(), DeepTaylor(), Occlusion(patch=8)]


@pytest.mark.parametrize("visualizer", MADE_VISUALIZERS, ids=repr)
@pytest.mark.parametrize("how", MADE)
def test_right_or_one_line(how, visualizer):
    network = MADE[how](plain())
    try:
        found = visualizer(network, IMAGES)
    except InputError as error:
        line = str(error)
        assert "\n" not in line
        assert how != "symbolic"
        assert not isinstance(visualizer, Occlusion)
    else:
        torch.testing.assert_close(found.maps, visualizer(plain(), IMAGES).maps)


def test_modes_of_what_has_none():
    """A frozen part beside one that is trained."""
    network = nn.Sequential(torch.jit.freeze(scripted(plain())), nn.Dropout(0.5)).train()
    Occlusion(patch=8)(network, IMAGES)
    assert network[1].training
    assert network.training


def test_inference_mode():
    network = cnn()
    expected = {repr(visualizer): visualizer(network, IMAGES) for visualizer in CNN_VISUALIZERS}
    with torch.inference_mode():
        images, targets = IMAGES * 1, torch.tensor([[2], [1], [0], [3]])
        assert images.is_inference()
        for visualizer in CNN_VISUALIZERS:
            found = visualizer(network, images)
            torch.testing.assert_close(found.maps, expected[repr(visualizer)].maps)
            torch.testing.assert_close(found.logits, expected[repr(visualizer)].logits)
            chosen = visualizer(network, images, targets).maps[:, 0]
            torch.testing.assert_close(chosen, expected[repr(visualizer)].maps[range(4), targets[:, 0]])
            assert not visualizer.misfit(network)
        assert torch.is_inference_mode_enabled()


def test_weights_that_were_made_in_inference_mode():
    with torch.inference_mode():
        network = copy.deepcopy(cnn())
    for visualizer in (Saliency(), LRP(), GuidedGradCAM()):
        with pytest.raises(InputError, match=r"were made within torch\.inference_mode\(\)"):
            visualizer(network, IMAGES)
    torch.testing.assert_close(CAM()(network, IMAGES).maps, CAM()(cnn(), IMAGES).maps)
