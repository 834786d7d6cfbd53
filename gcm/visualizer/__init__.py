"""Visualizers: one method a file; each gives signed weight maps of all classes from one call."""

from gcm.visualizer.base import Explanation, Visualizer, explain_with
from gcm.visualizer.cam import CAM
from gcm.visualizer.gcm import ClassWeightMaps
from gcm.visualizer.grad_cam import GradCAM
from gcm.visualizer.guided_backprop import GuidedBackprop
from gcm.visualizer.guided_grad_cam import GuidedGradCAM
from gcm.visualizer.random import Random
from gcm.visualizer.uniform import Uniform

__all__ = [
    "CAM",
    "ClassWeightMaps",
    "Explanation",
    "GradCAM",
    "GuidedBackprop",
    "GuidedGradCAM",
    "Random",
    "Uniform",
    "Visualizer",
    "explain_with",
]
