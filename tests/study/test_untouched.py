"""Studies and measures leave a network in training as they found it, also where it fails on the way."""

from contextlib import contextmanager, suppress

import pytest
import torch
from omegaconf import OmegaConf
from sample import NETWORKS, ROOT, STOCHASTIC, images_of, randomized
from untouched import untouched

from gcm.data import Digits, ImageSpec, MemorySplit, Planted
from gcm.instantiate import instantiate
from gcm.metric import DeclineRatio
from gcm.rendering import Raw
from gcm.study.accuracy.predictions import split_logits
from gcm.study.attention.numbers import attention
from gcm.study.contribution_mass.numbers import contribution_mass
from gcm.study.decline_ratio.numbers import decline_ratio_cells
from gcm.study.faithfulness.numbers import metrics_by_split, values_per_image
from gcm.study.filter_contribution.numbers import FilterPath, filter_contributions, filter_responses, path_pixel_maps
from gcm.study.filter_image.activation_maximization import ActivationMaximization
from gcm.study.filter_image.deconvolution import deconvolution, largest_pooled
from gcm.study.filter_image.numbers import filter_images_of_layer, filter_images_of_paths
from gcm.study.filter_image.unit import layers_called
from gcm.study.layer_convergence.numbers import layer_states
from gcm.study.noise_mask.trial import TrialSettings, found_masks
from gcm.study.region_deletion.numbers import RegionTrial
from gcm.study.uncertainty.predictive import Predictive
from gcm.visualizer import ClassWeightMaps, InputXGradient
from gcm.visualizer.noise_mask_search import NoiseMaskSettings, noise_masks

SPEC = ImageSpec.of(1, 16, 4)
IMAGES = images_of(SPEC)
LABELS = torch.arange(4)
SPLIT = MemorySplit((IMAGES * 255).byte(), LABELS)
SHORT = NoiseMaskSettings(samples=2, steps=2)
STUDIES = {
    "attention": ("cnn", lambda network: attention(InputXGradient(), network, IMAGES, LABELS, "predicted")),
    "logits": ("cnn", lambda network: split_logits(network, SPLIT)),
    "masses": ("gcm", lambda network: contribution_mass(network, SPLIT)),
    "decline ratio": (
        "cnn",
        lambda network: decline_ratio_cells(
            "", network, {"": InputXGradient()}, {"": Raw()}, lambda: DeclineRatio(4), SPLIT, 2
        ),
    ),
    "filter contributions": ("tiny_lenet", lambda network: filter_contributions("", network, SPLIT, 1)),
    "filter paths": ("tiny_lenet", lambda network: filter_responses(network, IMAGES)),
    "pixels of paths": ("tiny_lenet", lambda network: path_pixel_maps(network, IMAGES[:1], 0, [FilterPath(0, 1)])),
    "transposed": ("tiny_lenet", lambda network: deconvolution(network, largest_pooled(network, SPLIT, LABELS))),
    "images of paths": (
        "tiny_lenet",
        lambda network: filter_images_of_paths(network, ActivationMaximization(steps=2), SPLIT, LABELS),
    ),
    "images of a layer": (
        "cnn",
        lambda network: filter_images_of_layer(network, "trunk.2", ActivationMaximization(steps=2), SPLIT, LABELS),
    ),
    "noise masks": ("cnn", lambda network: noise_masks(network, IMAGES, SHORT)),
    "trials of noise": ("cnn", lambda network: found_masks(network, IMAGES, SHORT, TrialSettings(copies=2))),
    "regions": ("cnn", lambda network: deleted(RegionTrial.of_class(network, SPLIT, LABELS[:1], 0, 2, "mean"))),
    "states of layers": ("cnn", lambda network: layer_states(network, IMAGES)),
    "layers called": ("cnn", layers_called),
    "predictions": ("cnn", lambda network: predicted(network, None)),
    "predictions of dropout": ("mc_dropout_cnn", lambda network: predicted(network, 2)),
    "predictions of weights": ("bayesian_cnn", lambda network: predicted(network, 2)),
}


def predicted(network, passes):
    return Predictive("", "", network, passes, 0).on(SPLIT.images)


def deleted(trial):
    return trial.run(trial.start())


class LayerError(Exception):
    """In the middle of a study."""


@contextmanager
def failing(layer):
    def fail(*_):
        raise LayerError

    hook = layer.register_forward_hook(fail)
    try:
        yield
    finally:
        hook.remove()


def in_training(network):
    """With gradients, and one part in a mode of its own."""
    network.train()
    list(network.children())[-1].eval()
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    return network


@pytest.mark.parametrize("study", STUDIES)
def test_studies(study):
    architecture, look = STUDIES[study]
    network = in_training(randomized({**NETWORKS, **STOCHASTIC}[architecture](SPEC)))
    with untouched(network):
        look(network)
    first = next(module for module in network.modules() if not list(module.children()))
    with failing(first), untouched(network), suppress(LayerError):
        look(network)


@pytest.mark.parametrize("kind", [Digits, pytest.param(Planted, marks=pytest.mark.slow)])
@pytest.mark.parametrize("architecture", ["gcm", "cnn"])
def test_measures(kind, architecture):
    data = kind()
    network = in_training(randomized(NETWORKS[architecture](data.spec)))
    sections = [
        section for path in (ROOT / "configs/metric").glob("*.yaml") for section in OmegaConf.load(path).items()
    ]
    measures = {
        str(name): instantiate({**section, "images": 4}, key=f"metric.{name}")
        for name, section in sections
        if name not in ("defaults", "decline_ratio")
    }
    explained = ClassWeightMaps() if architecture == "gcm" else InputXGradient(), network
    with untouched(network):
        found = values_per_image(*explained, metrics_by_split(*explained, measures, data, most=2), batch_size=2)
    assert len(found) >= 6
