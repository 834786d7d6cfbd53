"""GCM on torchvision's backbones: its contributions add up, at every size, for the classes that are asked for."""

import pytest
import torch
from sample import images_of
from torch import nn
from torchvision.models import get_model

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import GCMBackbone, evaluation_copy
from gcm.model.backbone import Backbone
from gcm.visualizer import ClassContributionMaps, ClassWeightMaps

SPEC = ImageSpec.of(3, 64, 12)
BACKBONES = ("resnet18", "resnet50", "convnext_tiny", "mobilenet_v3_large", "efficientnet_b0", "densenet121", "vgg11_bn",
             "regnet_y_400mf", "shufflenet_v2_x0_5", "mnasnet0_5")  # fmt: skip


@pytest.fixture(scope="module", params=BACKBONES)
def network(request):
    torch.manual_seed(0)
    return GCMBackbone(SPEC, request.param).eval()


def test_contributions_add_up_to_the_logits(network):
    images = images_of(SPEC, 2)
    logits = network(images)
    assert logits.abs().max() > 0
    found = network.contributions(images)
    torch.testing.assert_close(found.parts.sum((2, 3, 4)), logits, rtol=1e-5, atol=1e-6)
    assert found.parts.shape == (2, 12, 3, 64, 64)


def test_any_size_and_the_asked_classes_alone(network):
    images = torch.rand(2, 3, 50, 75)
    targets = torch.tensor([[3, 11], [0, 1]])
    found = ClassContributionMaps()(network, images, targets)
    assert found.maps.shape == (2, 2, 3, 50, 75)
    torch.testing.assert_close(found.maps.sum((2, 3, 4)), network(images).gather(1, targets), rtol=1e-5, atol=1e-6)
    every = ClassWeightMaps()(network, images).maps
    asked = ClassWeightMaps()(network, images, targets).maps
    torch.testing.assert_close(asked[1], every[1, [0, 1]], rtol=1e-4, atol=1e-5)


def test_maps_lie_where_the_image_does(network):
    images = torch.rand(1, 3, 50, 75)
    enlarged = nn.functional.pad(images, (0, 21, 0, 14))
    whole = network.class_weight_maps(enlarged)[:, :, :50, :75]
    cut = network.class_weight_maps(images)
    torch.testing.assert_close(cut[:, :, :-1, :-1], whole[:, :, :-1, :-1])  # the last layer sees one pixel further


@pytest.mark.parametrize("name", ["resnet18", "convnext_tiny", "mobilenet_v3_large", "vgg11_bn"])
def test_the_encoder_is_the_backbone_without_its_head(name):
    torch.manual_seed(0)
    encoder = Backbone(name, pretrained=False, channels=3).eval()
    whole = get_model(name).eval()
    stages = [module for module in encoder.stages.modules() if not list(module.children())]
    own = [module for module in whole.modules() if not list(module.children())]
    for copy, original in zip(stages, own, strict=False):  # the head's layers are left over
        copy.load_state_dict(original.state_dict())
    pooled = {}
    whole.avgpool.register_forward_pre_hook(lambda _, inputs: pooled.update(features=inputs[0]))
    images = torch.rand(2, 3, 64, 64)
    whole((images - encoder.mean) / encoder.deviation)
    features = encoder(images)
    torch.testing.assert_close(features[-1], pooled["features"])
    assert [None if one is None else one.shape[2] for one in features] == [
        64 >> level if channels else None for level, channels in enumerate(encoder.channels)
    ]


def test_grey_images_and_training():
    spec = ImageSpec.of(1, 32, 3)
    network = GCMBackbone(spec, "mobilenet_v3_small", widths=(4, 8))
    images = images_of(spec, 4)
    nn.functional.cross_entropy(network(images), torch.tensor([0, 1, 2, 0])).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_an_evaluation_copy_of_a_residual_network():
    network = GCMBackbone(SPEC, "resnet18").eval()
    images = images_of(SPEC, 2)
    with torch.no_grad():
        torch.testing.assert_close(evaluation_copy(network)(images), network(images), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["vit_b_16", "swin_t", "alexnet"])
def test_what_has_no_halving_feature_maps(name):
    with pytest.raises(InputError, match=f"{name} cannot be a backbone"):
        GCMBackbone(SPEC, name)


def test_what_else_is_refused(monkeypatch):
    with pytest.raises(
        InputError, match=r"model\.backbone must be a classifier of torchvision, got 'resnet19'; allowed: .*resnet18"
    ):
        GCMBackbone(SPEC, "resnet19")
    with pytest.raises(InputError, match="1 or 3 channels, got 2"):
        GCMBackbone(ImageSpec.of(2, 64, 5))

    def unreachable(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("torchvision.models.get_model", unreachable)
    with pytest.raises(InputError, match=r"weights of resnet18 cannot be downloaded \(no network\)"):
        GCMBackbone(SPEC, "resnet18", pretrained=True)
