"""Guided Grad-CAM: guided backprop where Grad-CAM is positive."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from gcm.visualizer.base import Visualizer
from gcm.visualizer.forward_pass import ForwardPass
from gcm.visualizer.grad_cam import GradCAM, grad_cam


class GuidedGradCAM(Visualizer):
    """Guided Grad-CAM multiplies guided backprop with rectified Grad-CAM, enlarged to the image: `(B,K,C,H,W)`.

    Source: Selvaraju et al., ICCV 2017, section 3.3. `interpolation` enlarges: `bilinear` as published, or `nearest`.

    >>> import gcm, torch
    >>> gcm.visualizer.GuidedGradCAM()(gcm.load("cnn_digits"), torch.zeros(1, 1, 32, 32)).maps.shape
    torch.Size([1, 10, 1, 32, 32])
    """

    gradients = "guided"

    def __init__(self, interpolation: Literal["bilinear", "nearest"] = "bilinear") -> None:
        self.interpolation = interpolation

    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        coarse = grad_cam(forward_pass, relu=True).squeeze(2)
        enlarged = F.interpolate(coarse, forward_pass.images.shape[2:], mode=self.interpolation)
        return forward_pass.guided_gradients * enlarged.unsqueeze(2)

    def misfit(self, model: nn.Module) -> str:
        return GradCAM().misfit(model)
