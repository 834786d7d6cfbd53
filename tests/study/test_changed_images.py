"""Studies and measures of a network that changes its input in place: as of its twin that does not."""

from dataclasses import fields, is_dataclass

import pytest
import torch
from torch import Tensor, nn

from gcm.data import ImageSpec, MemorySplit
from gcm.metric import Stability
from gcm.model import Classifier, StochasticClassifier
from gcm.study.accuracy.predictions import split_logits
from gcm.study.attention.numbers import attention
from gcm.study.faithfulness.numbers import explained_batch
from gcm.study.filter_image.unit import channels_of
from gcm.study.layer_convergence.numbers import layer_states
from gcm.study.noise_mask.trial import TrialSettings, found_masks
from gcm.study.region_deletion.numbers import RegionTrial
from gcm.study.uncertainty.predictive import Predictive
from gcm.visualizer import InputXGradient
from gcm.visualizer.noise_mask_search import NoiseMaskSettings, noise_masks

SPEC = ImageSpec.of(1, 8, 3)
IMAGES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(6) % 3
SPLIT = MemorySplit((IMAGES * 255).byte(), LABELS)
SHORT = NoiseMaskSettings(samples=2, steps=3)


class Network(StochasticClassifier):
    def __init__(self, in_place: bool) -> None:
        super().__init__(SPEC)
        torch.manual_seed(0)
        self.in_place = in_place
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(144, 3))

    def forward(self, images):
        if self.in_place:
            images -= 0.5
            images /= 0.25
        else:
            images = (images - 0.5) / 0.25
        return self.layers(images)

    def sampled_forward(self, images):
        return self(images) + torch.rand(3)


def measured(network: Classifier, images: Tensor) -> Tensor:
    metric = Stability()
    shown = explained_batch(InputXGradient(), network.eval(), [metric], SPLIT, LABELS)
    metric.update_with(shown)
    return torch.cat([shown.images.flatten(), metric.per_image(), shown.maps.at_image_size.flatten()])


STUDIES = {
    "attention": lambda network, images: attention(InputXGradient(), network, images, LABELS, "predicted"),
    "logits": lambda network, images: split_logits(network, SPLIT),
    "noise masks": lambda network, images: noise_masks(network, images, SHORT),
    "trials of noise": lambda network, images: found_masks(network, images, SHORT, TrialSettings(copies=2)).masks,
    "regions": lambda network, images: (lambda trial: trial.run(trial.start()))(
        RegionTrial.of_class(network, SPLIT, torch.arange(1), 0, 2, "mean")
    ),
    "states of layers": lambda network, images: layer_states(network, images)["layers.0"].outputs,
    "channels": lambda network, images: channels_of(network, "layers.1")(images),
    "predictions": lambda network, images: Predictive("", "", network, None, 0).on(SPLIT.images),
    "passes": lambda network, images: Predictive("", "", network, 3, 0).on(SPLIT.images),
    "measures": measured,
}


def tensors_of(found: object) -> list[Tensor]:
    if is_dataclass(found):
        found = [getattr(found, field.name) for field in fields(found)]
    if isinstance(found, list | tuple):
        return [tensor for part in found for tensor in tensors_of(part)]
    return [found] if isinstance(found, Tensor) else []


@pytest.mark.parametrize("name", STUDIES)
def test_as_of_its_twin(name):
    images = IMAGES.clone()
    found = tensors_of(STUDIES[name](Network(in_place=True), images))
    assert torch.equal(images, IMAGES)
    expected = tensors_of(STUDIES[name](Network(in_place=False), IMAGES.clone()))
    assert expected
    torch.testing.assert_close(found, expected, equal_nan=True)


@pytest.mark.parametrize("name", STUDIES)
def test_in_inference_mode(name):
    expected = tensors_of(STUDIES[name](Network(in_place=False), IMAGES.clone()))
    network = Network(in_place=True)
    with torch.inference_mode():
        found = tensors_of(STUDIES[name](network, IMAGES.clone()))
    torch.testing.assert_close([value.clone() for value in found], expected, equal_nan=True)
