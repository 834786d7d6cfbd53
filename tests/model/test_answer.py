"""What a network returns is checked once, in one line that says how to wrap it."""

from collections import namedtuple

import pytest
import torch
from sample import images_of
from torch import nn

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.metric import Deletion
from gcm.model.answer import logits_of
from gcm.visualizer import LRP, GuidedBackprop, IntegratedGradients, Occlusion, Random, Saliency, SmoothGrad, Uniform

SPEC = ImageSpec.of(1, 8, 3)
IMAGES = images_of(SPEC)
VISUALIZERS = [
    Saliency(),
    IntegratedGradients(2),
    SmoothGrad(2),
    GuidedBackprop(),
    LRP(),
    Occlusion(),
    Uniform(),
    Random(),
]
Outputs = namedtuple("Outputs", ["logits", "auxiliary"])


class Returning(nn.Module):
    def __init__(self, change) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3))
        self.change = change

    def forward(self, images):
        return self.change(self.layers(images))


WRONG = {
    "tuple": (lambda maps: (maps.mean((2, 3)), maps), r"got a tuple of 2: .* \(4, 3\), .*images\)\[0\]"),
    "list": (lambda maps: [maps.mean((2, 3))], r"got a list of 1: .*images\)\[0\]"),
    "named": (lambda maps: Outputs(maps.mean((2, 3)), None), r"got a Outputs of 2: .*images\)\[0\]"),
    "dictionary": (lambda maps: {"out": maps.mean((2, 3))}, r"got a dict with out; .*images\)\['out'\]"),
    "one number": (lambda maps: maps.mean((1, 2, 3)), r"got torch.float32 \(4,\); .*unsqueeze\(1\)"),
    "maps": (lambda maps: maps, r"got torch.float32 \(4, 3, 4, 4\); .*flatten\(2\)\.mean\(2\)"),
    "classes": (lambda maps: maps.mean((2, 3)).argmax(1), r"got torch.int64 \(4,\)"),
    "whole numbers": (lambda maps: maps.mean((2, 3)).round().long(), r"got torch.int64 \(4, 3\)"),
    "nothing": (lambda maps: None, "got NoneType"),
    "no class": (lambda maps: maps.mean((2, 3))[:, :0], r"got torch.float32 \(4, 0\)"),
    "classes first": (lambda maps: maps.mean((2, 3)).T, r"got torch.float32 \(3, 4\)"),
    "one image": (lambda maps: maps.mean((0, 2, 3)), r"got torch.float32 \(3,\)"),
    "number": (lambda maps: 1.0, "got float"),
}


@pytest.mark.parametrize("visualizer", VISUALIZERS, ids=repr)
@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_logits_gets_one_line(name, visualizer):
    change, message = WRONG[name]
    expected = rf"Returning must return logits, a float tensor \(B,K\) for \d images, {message}"
    with pytest.raises(InputError, match=expected.replace("4, 3", r"\d, 3").replace("(4,", r"(\d,")) as error:
        visualizer(Returning(change), IMAGES)
    assert "\n" not in str(error.value)


WITHOUT_GRAPH = {
    "no_grad": torch.no_grad()(lambda maps: maps.mean((2, 3)) * 1),
    "detached": lambda maps: maps.detach().mean((2, 3)),
    "inference mode": lambda maps: torch.inference_mode()(torch.mean)(maps.detach(), (2, 3)),
    "NumPy": lambda maps: torch.from_numpy(maps.detach().numpy().mean((2, 3))),
    "without the image": lambda maps: nn.Parameter(torch.ones(1, 3)).expand(len(maps), -1) * 1,
}


@pytest.mark.parametrize("visualizer", [Saliency(), IntegratedGradients(2), SmoothGrad(2)], ids=repr)
@pytest.mark.parametrize("name", WITHOUT_GRAPH)
def test_logits_without_a_gradient_get_one_line(name, visualizer):
    with pytest.raises(InputError, match="the logits of Returning have no gradient for the images"):
        visualizer(Returning(WITHOUT_GRAPH[name]), IMAGES)
    assert Occlusion()(Returning(WITHOUT_GRAPH[name]), IMAGES).maps.isfinite().all()


@pytest.mark.parametrize("visualizer", [GuidedBackprop(), LRP()], ids=repr)
@pytest.mark.parametrize("name", WITHOUT_GRAPH)
def test_so_do_rules(name, visualizer):
    with pytest.raises(InputError, match="Returning"):
        visualizer(Returning(WITHOUT_GRAPH[name]), IMAGES)


def test_one_class_is_explained():
    assert Saliency()(Returning(lambda maps: maps[:, :1].mean((2, 3))), IMAGES).maps.shape == (4, 1, 1, 8, 8)


def test_a_function_is_named_too():
    def network(images):
        return images

    with pytest.raises(InputError, match="network must return logits"):
        logits_of(network, IMAGES)


def test_metrics_ask_the_same_way():
    maps, targets = torch.rand(4, 1, 8, 8), torch.zeros(4, 1, dtype=torch.int64)
    with pytest.raises(InputError, match="Returning must return logits"):
        Deletion(steps=2).update(Returning(lambda values: {"logits": values.mean((2, 3))}), IMAGES, maps, targets)
