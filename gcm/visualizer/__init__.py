"""Visualizers: one method a file; each gives signed weight maps of all classes from one call."""

from gcm.visualizer.base import Explanation, Visualizer, explain_with
from gcm.visualizer.cam import CAM
from gcm.visualizer.deconvnet import Deconvnet
from gcm.visualizer.deep_taylor import DeepTaylor
from gcm.visualizer.gcm import ClassContributionMaps, ClassWeightMaps
from gcm.visualizer.grad_cam import GradCAM
from gcm.visualizer.guided_backprop import GuidedBackprop
from gcm.visualizer.guided_grad_cam import GuidedGradCAM
from gcm.visualizer.input_x_gradient import InputXGradient
from gcm.visualizer.integrated_gradients import IntegratedGradients
from gcm.visualizer.lrp import LRP
from gcm.visualizer.noise_mask import NoiseMask
from gcm.visualizer.occlusion import Occlusion
from gcm.visualizer.random import Random
from gcm.visualizer.saliency import Saliency
from gcm.visualizer.smooth_grad import SmoothGrad
from gcm.visualizer.uniform import Uniform

__all__ = [
    "CAM",
    "LRP",
    "ClassContributionMaps",
    "ClassWeightMaps",
    "Deconvnet",
    "DeepTaylor",
    "Explanation",
    "GradCAM",
    "GuidedBackprop",
    "GuidedGradCAM",
    "InputXGradient",
    "IntegratedGradients",
    "NoiseMask",
    "Occlusion",
    "Random",
    "Saliency",
    "SmoothGrad",
    "Uniform",
    "Visualizer",
    "explain_with",
]
