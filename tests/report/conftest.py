"""Small networks and data that a whole report can be made of."""

import pytest
import torch
from sample import randomized

from gcm.data import ImageSpec, MemorySplit
from gcm.instantiate import instantiate
from gcm.metric import DeclineRatio
from gcm.model import GCM
from gcm.rendering import Product, Raw
from gcm.report.evidence import Evidence
from gcm.visualizer import CAM, ClassWeightMaps, GradCAM, GuidedBackprop, GuidedGradCAM, Uniform
from gcm.visualizer.noise_mask_search import NoiseMaskSettings
from gcm.zoo import Card, SavedNetwork, Test

MODELS = {
    "gcm_cifar10": {"_target_": "gcm.model.GCM"},
    "gcm_clipped_cifar10": {"_target_": "gcm.model.GCM", "widths": [2, 3, 4], "clipped": True},
    "cnn_cifar10": {"_target_": "gcm.model.CNN"},
    "gcm_mnist": {"_target_": "gcm.model.GCM", "widths": [2, 3, 4]},
    "cnn_mnist": {"_target_": "gcm.model.CNN", "widths": [2, 3, 4]},
    "tiny_lenet_mnist": {"_target_": "gcm.model.LeNet"},
    "lenet_mnist": {"_target_": "gcm.model.LeNet", "filters": [6, 16]},
    "cnn3_mnist": {"_target_": "gcm.model.LeNet", "filters": [2, 3], "conv_bias": False},
    "lab_cnn_mnist": {"_target_": "gcm.model.LabCNN", "filters": [2, 3], "hidden": 4},
    "mc_dropout_cnn_mnist": {"_target_": "gcm.model.MCDropoutCNN", "filters": [2, 3], "hidden": 4},
    "bayesian_cnn_mnist": {"_target_": "gcm.model.BayesianCNN", "filters": [2, 3], "hidden": 4},
    "gcm_planted": {"_target_": "gcm.model.GCM", "widths": [2, 3, 4]},
    "cnn_planted": {"_target_": "gcm.model.CNN", "widths": [2, 3, 4]},
    "gcm_digits": {"_target_": "gcm.model.GCM", "widths": [2, 3, 4]},
    "cnn_digits": {"_target_": "gcm.model.CNN", "widths": [2, 3, 4]},
    "tiny_lenet_digits": {"_target_": "gcm.model.LeNet"},
}
CLASSES = ("<script>alert(1)</script>", "a|b", "dog")


class SmallData:
    """Images of which every second is of class 1, which all the networks always name."""

    def __init__(self, channels, size):
        images = torch.randint(0, 256, (150, channels, size, size), dtype=torch.uint8)
        labels = torch.tensor([1, 0, 1, 2]).repeat(38)[:150]
        self.test = MemorySplit(images, labels)
        self.train = MemorySplit(images[:12], labels[:12])


def always_names_class_1(network):
    linear = [module for module in network.modules() if isinstance(module, torch.nn.Linear)]
    layer = network.decoder.class_layer if isinstance(network, GCM) else linear[-1]
    layer.bias.data[1] += 100
    return network


def saved(name, tmp_path):
    channels, size = (3, 16) if name.endswith(("cifar10", "planted")) else (1, 28)
    spec = ImageSpec(channels, size, size, CLASSES, (0.5,) * channels)
    network = always_names_class_1(randomized(instantiate(MODELS[name], spec, key="model")))
    model, _, data = name.rpartition("_")
    claim = {"accuracy": 0.1, "source": "somewhere"} if name == "gcm_cifar10" else {"accuracy": 1.0, "source": "there"}
    config = {
        "model": MODELS[name],
        "data": {"_target_": "gcm.data.Digits"},
        "names": {"model": model, "data": data},
        "claim": claim,
    }
    tests = (Test(0, 0.5, 0.4, 0.6, 1.0, 60, 120.0), Test(1, 0.6, 0.5, 0.7, 1.0, 60, 60.0))
    card = Card(config, spec, 0, 1, 10, 120.0, (f"experiment={name}", "output=/secret"), "a machine", {"torch": "2"}, "ab12",
                tests, 100, network.parameter_count(), 1000)  # fmt: skip
    return SavedNetwork(tmp_path / name, card, network.state_dict())


@pytest.fixture
def evidence(tmp_path, monkeypatch):
    monkeypatch.setattr("gcm.report.section.noise_masks.SETTINGS", NoiseMaskSettings(steps=2))
    networks = {name: saved(name, tmp_path) for name in MODELS}
    data = {"cifar10": SmallData(3, 16), "mnist": SmallData(1, 28), "digits": SmallData(1, 28),
            "planted": SmallData(3, 16)}  # fmt: skip
    visualizers = {"gcm": ClassWeightMaps(), "cam": CAM(), "guided_backprop": GuidedBackprop(), "uniform": Uniform(),
                   "guided_grad_cam": GuidedGradCAM(), "grad_cam": GradCAM(), "grad_cam_rectified": GradCAM(relu=True)}  # fmt: skip
    renderings = {"raw": Raw(), "product": Product(), "absolute": Raw(), "blend": Raw()}
    return Evidence(networks, data, {}, visualizers, renderings, DeclineRatio, tmp_path, torch.device("cpu"))  # fmt: skip
