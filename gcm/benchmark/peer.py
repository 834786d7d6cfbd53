"""Other libraries doing our jobs, class by class as they do it: each function is one whole job for a batch."""

import warnings
from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn

from gcm.model import CNN, PooledClassifier
from gcm.model.cnn import Centring

Maps = Callable[[], Tensor]
"""Maps of all classes for one batch, `(B,K,…)`."""


def captum_grad_cam(network: PooledClassifier, images: Tensor) -> Maps:
    from captum.attr import LayerGradCam

    method = LayerGradCam(network, last_layer(network))
    return for_each_class(network, lambda label: method.attribute(images, target=label))


def grad_cam_library(network: PooledClassifier, images: Tensor) -> Maps:
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    method = GradCAM(model=network, target_layers=[last_layer(network)])

    def maps_of(label: int) -> Tensor:
        return torch.from_numpy(method(input_tensor=images, targets=[ClassifierOutputTarget(label)] * len(images)))

    return for_each_class(network, maps_of)


def torchcam_grad_cam(network: PooledClassifier, images: Tensor) -> Maps:
    """Compute Grad-CAM as in torchcam's examples: a forward pass for each class."""
    from torchcam.methods import GradCAM

    def maps_of(label: int) -> Tensor:
        with GradCAM(network, last_layer(network)) as method:
            maps: Tensor = method(label, network(images.requires_grad_()))[0]
            return maps

    return for_each_class(network, maps_of)


def torchcam_kept(network: PooledClassifier, images: Tensor) -> Maps:
    """Compute Grad-CAM by one forward pass whose graph is kept for all classes, which torchcam allows."""
    from torchcam.methods import GradCAM

    def all_maps() -> Tensor:
        with GradCAM(network, last_layer(network)) as method:
            logits = network(images.requires_grad_())
            classes = logits.shape[1]
            return torch.stack([method(label, logits, retain_graph=label < classes - 1)[0] for label in range(classes)])

    return all_maps


def captum_saliency(network: PooledClassifier, images: Tensor) -> Maps:
    from captum.attr import Saliency

    method = Saliency(network)
    return for_each_class(network, lambda label: method.attribute(images, target=label, abs=False))


def captum_guided_backprop(network: PooledClassifier, images: Tensor) -> Maps:
    from captum.attr import GuidedBackprop

    method = GuidedBackprop(network)
    return for_each_class(network, lambda label: method.attribute(images, target=label))


def captum_guided_grad_cam(network: PooledClassifier, images: Tensor) -> Maps:
    from captum.attr import GuidedGradCam

    method = GuidedGradCam(network, last_layer(network))
    return for_each_class(network, lambda label: method.attribute(images, target=label))


def captum_input_x_gradient(network: PooledClassifier, images: Tensor) -> Maps:
    from captum.attr import InputXGradient

    method = InputXGradient(network)
    return for_each_class(network, lambda label: method.attribute(images, target=label))


def captum_occlusion(network: PooledClassifier, images: Tensor, patch: int) -> Maps:
    from captum.attr import Occlusion

    method = Occlusion(network)
    window = (images.shape[1], patch, patch)
    return for_each_class(
        network, lambda label: method.attribute(images, window, strides=window, target=label, baselines=0)
    )


def captum_lrp(network: PooledClassifier, images: Tensor) -> Maps:
    """Compute LRP by captum's epsilon rule everywhere."""
    from captum.attr import LRP

    method = LRP(WithoutCentring(network))
    centred = images - centre_of(network)
    return for_each_class(network, lambda label: method.attribute(centred, target=label))


class WithoutCentring(nn.Module):
    """Takes images that are centred already to logits, in layers that captum has rules for."""

    def __init__(self, network: PooledClassifier) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers_of(network))
        self.linear = network.linear

    def forward(self, centred: Tensor) -> Tensor:
        logits: Tensor = self.linear(self.layers(centred).mean((2, 3)))
        return logits


def zennit_deep_taylor(network: PooledClassifier, images: Tensor) -> Maps:
    """Compute deep Taylor by the rules of our `DeepTaylor`: bounded input first, then z+; zennit merges batch
    normalisation.
    """
    from zennit.attribution import Gradient
    from zennit.canonizers import SequentialMergeBatchNorm
    from zennit.composites import SpecialFirstLayerMapComposite
    from zennit.rules import Pass, ZBox, ZPlus
    from zennit.types import Activation, Convolution
    from zennit.types import Linear as AnyLinear

    sequence = nn.Sequential(*layers_of(network), nn.AdaptiveAvgPool2d(1), nn.Flatten(), network.linear).eval()
    centre = centre_of(network)
    composite = SpecialFirstLayerMapComposite(
        layer_map=[(Activation, Pass()), (Convolution, ZPlus()), (AnyLinear, ZPlus())],
        first_map=[(Convolution, ZBox(low=-centre, high=1 - centre))],
        canonizers=[SequentialMergeBatchNorm()],
    )
    centred, classes = images - centre, len(network.spec.classes)

    def all_maps() -> Tensor:
        with Gradient(sequence, composite) as attributor:
            rows = torch.eye(classes)
            return torch.stack([attributor(centred, rows[[label] * len(images)])[1] for label in range(classes)], 1)

    return all_maps


def for_libraries(network: PooledClassifier) -> PooledClassifier:
    """Return a copy whose ReLUs do not work in place, as captum's hooks want it."""
    copy = deepcopy(network).eval()
    for module in copy.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    return copy


def for_each_class(network: PooledClassifier, maps_of: Callable[[int], Tensor]) -> Maps:
    def all_maps() -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # captum says that it sets hooks and gradients
            return torch.stack([maps_of(label) for label in range(len(network.spec.classes))], 1)

    return all_maps


def last_layer(network: PooledClassifier) -> nn.Module:
    """Return the layer whose output the feature maps are."""
    return layers_of(network)[-1]


def layers_of(network: PooledClassifier) -> list[nn.Module]:
    """Return all layers of the trunk but the centring."""
    assert isinstance(network, CNN)
    return list(network.trunk)[1:]


def centre_of(network: PooledClassifier) -> Tensor:
    assert isinstance(network, CNN)
    centring = network.trunk[0]
    assert isinstance(centring, Centring)
    return centring.mean
