"""Grad-CAM: feature maps weighted by gradients."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from gcm.model import FeatureClassifier, PooledClassifier
from gcm.model.steps import has_pooled_head
from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass


class GradCAM(Visualizer):
    """Grad-CAM sums the feature maps, each weighted by the mean gradient of the class's logit: `(B,K,1,h,w)`.

    Source: Selvaraju et al., ICCV 2017. `relu` rectifies the sum, as published; it is off by default so that evidence
    against a class stays visible. The gradient is taken through the head alone; where that is pooling and one linear
    layer, it is known, and Grad-CAM is CAM / (h*w).

    >>> import gcm, torch
    >>> network, image = gcm.load("cnn_digits"), torch.ones(1, 1, 32, 32)
    >>> cam, grad_cam = (method(network, image).maps for method in (gcm.visualizer.CAM(), gcm.visualizer.GradCAM()))
    >>> torch.allclose(grad_cam, cam / 64)
    True
    """

    def __init__(self, relu: bool = False) -> None:
        self.relu = relu

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        return grad_cam(forward_pass, self.relu)

    def misfit(self, model: nn.Module) -> str:
        return (
            ""
            if isinstance(model, FeatureClassifier)
            else "Grad-CAM needs a FeatureClassifier, with features() and head()"
        )

    def by_construction(self, model: nn.Module) -> Mapping[str, str]:
        if self.relu or not is_pooled(model):
            return {}
        return {"raw": "on pooling and a linear layer Grad-CAM is CAM / (h·w), which sums to logit - bias"}


def grad_cam(forward_pass: ForwardPass, relu: bool) -> Tensor:
    """Return the maps of the pass's targets, `(B,T,1,h,w)`."""
    if is_pooled(forward_pass.model):  # the gradient is the layer's weight, over h*w
        maps = forward_pass.class_activation_maps / forward_pass.hidden[0, 0].numel()
    else:
        channel_weights = forward_pass.feature_gradients.mean((3, 4))  # (B,T,D,h,w) -> (B,T,D)
        maps = torch.einsum("bdhw,btd->bthw", forward_pass.hidden, channel_weights)
    return maps.relu().unsqueeze(2) if relu else maps.unsqueeze(2)


def is_pooled(model: nn.Module) -> bool:
    return isinstance(model, PooledClassifier) and has_pooled_head(model)
