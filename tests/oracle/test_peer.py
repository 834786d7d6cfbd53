"""The oracles themselves equal captum and zennit, so that three derivations agree."""

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, LayerGradCam, Occlusion
from hypothesis import given
from hypothesis import strategies as st
from oracle import visualizer as by_hand
from oracle.case import assert_same, feature_classifiers, few, gcms, lab_cnns, lenets
from torch import nn
from zennit.composites import DeconvNet, GuidedBackprop
from zennit.core import Composite

from gcm.model import LabCNN, LeNet

WAYS = {"plain": Composite, "guided": GuidedBackprop, "deconvnet": DeconvNet}


@pytest.mark.parametrize("way", WAYS)
@few
@given(case=st.one_of(gcms(), feature_classifiers()))
def test_gradients_by_zennit(way, case):
    for module in case.network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False  # its hooks cannot see in-place ReLUs
    images = case.images.clone().requires_grad_()
    for k in range(case.oracle.classes):
        with WAYS[way]().context(case.network) as hooked:
            (gradient,) = torch.autograd.grad(hooked(images)[:, k].sum(), images)
        assert_same(gradient, [case.oracle.gradient(image, k, way) for image in case.arrays])


def last_features(network):
    """The module that ends the features."""
    return {LeNet: lambda: network.relu2, LabCNN: lambda: network.convolutions}.get(
        type(network), lambda: network.trunk
    )()


@few
@given(feature_classifiers(), st.booleans())
def test_grad_cam_by_captum(case, rectified):
    peer = LayerGradCam(case.network, last_features(case.network))
    for k in range(case.oracle.classes):
        found = peer.attribute(case.images, k, relu_attributions=rectified)
        expected = [[by_hand.grad_cam(case.oracle, image, k, rectified)] for image in case.arrays]
        assert_same(found, expected)


@few
@given(st.one_of(lenets(), lab_cnns()), st.integers(1, 4))
def test_integrated_gradients_by_captum(case, steps):
    peer = IntegratedGradients(case.network)
    for k in range(case.oracle.classes):
        found = peer.attribute(case.images, target=k, n_steps=steps, method="gausslegendre")
        expected = [by_hand.integrated_gradients(case.oracle, image, k, steps) for image in case.arrays]
        assert_same(found, np.array(expected), 1e-6)  # captum weighs its points in float32


@few
@given(gcms(count=1))
def test_occlusion_by_captum(case):
    _, channels, height, width = case.images.shape
    patch = max(size for size in range(1, 5) if not (height % size or width % size))
    window = (channels, patch, patch)
    for k in range(case.oracle.classes):
        found = Occlusion(case.network).attribute(case.images, window, window, 0.4, k)[:, 0, ::patch, ::patch]
        expected = [by_hand.occlusion(case.oracle, image, k, patch, 0.4) for image in case.arrays]
        assert_same(found, np.array(expected), 1e-5)  # captum counts in float32
