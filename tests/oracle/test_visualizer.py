"""Visualizers equal their papers' equations on random networks."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import visualizer as by_hand
from oracle.case import assert_same, classifiers, cnns, feature_classifiers, few, gcms

from gcm.data.loader import seeded_generator
from gcm.visualizer import (
    CAM,
    ClassContributionMaps,
    ClassWeightMaps,
    Deconvnet,
    GradCAM,
    GuidedBackprop,
    GuidedGradCAM,
    InputXGradient,
    IntegratedGradients,
    Occlusion,
    Random,
    Saliency,
    SmoothGrad,
    Uniform,
    explain_with,
)


def assert_explains(visualizer, case, of_class, *settings):
    """All classes of all images, then other classes for each image."""
    expected = np.array(
        [[of_class(case.oracle, image, k, *settings) for k in range(case.oracle.classes)] for image in case.arrays]
    )
    if expected.ndim == 4:
        expected = expected[:, :, None]  # maps of one channel
    explanation = visualizer(case.network, case.images)
    assert_same(explanation.maps, expected)
    assert_same(explanation.logits, [case.oracle.logits(image) for image in case.arrays])
    targets = torch.arange(len(case.images)).unsqueeze(1) % 2
    chosen = [maps[[place % 2]] for place, maps in enumerate(expected)]
    assert_same(visualizer(case.network, case.images, targets).maps, chosen)


@few
@given(cnns())
def test_cam(case):
    assert_explains(CAM(), case, by_hand.cam)


@few
@given(feature_classifiers(), st.booleans())
def test_grad_cam(case, rectified):
    assert_explains(GradCAM(rectified), case, by_hand.grad_cam, rectified)


@few
@given(feature_classifiers(), st.sampled_from(["bilinear", "nearest"]))
def test_guided_grad_cam(case, interpolation):
    assert_explains(GuidedGradCAM(interpolation), case, by_hand.guided_grad_cam, interpolation)


WAYS = {"plain": Saliency, "guided": GuidedBackprop, "deconvnet": Deconvnet}


@pytest.mark.parametrize("way", WAYS)
@few
@given(case=classifiers())
def test_gradients(way, case):
    assert_explains(WAYS[way](), case, type(case.oracle).gradient, way)


@few
@given(classifiers())
def test_input_x_gradient(case):
    assert_explains(InputXGradient(), case, by_hand.input_x_gradient)


@few
@given(classifiers())
def test_smooth_grad_with_the_same_noise(case):
    generator = seeded_generator("cpu", 5)
    noises = [0.2 * torch.randn(case.images.shape[1:], generator=generator).double().numpy() for _ in range(3)]
    assert_explains(SmoothGrad(samples=3, deviation=0.2, seed=5), case, by_hand.smooth_grad, noises)


@few
@given(classifiers(), st.integers(1, 4))
def test_integrated_gradients(case, steps):
    assert_explains(IntegratedGradients(steps), case, by_hand.integrated_gradients, steps)


@few
@given(st.one_of(gcms(count=2), cnns(count=2)), st.sampled_from([0.0, 0.4]))
def test_occlusion(case, value):
    height, width = case.images.shape[2:]
    patch = max(size for size in range(1, 5) if not (height % size or width % size))
    if patch > 1:
        assert_explains(Occlusion(patch, value), case, by_hand.occlusion, patch, value)


@few
@given(gcms())
def test_gcm(case):
    assert_explains(ClassWeightMaps(), case, type(case.oracle).weight_map)
    assert_explains(ClassContributionMaps(), case, by_hand.contribution)


@few
@given(gcms(), st.sampled_from(["mean", "median", "minimum"]))
def test_gcm_centred(case, centre):
    assert_explains(ClassWeightMaps(centre), case, by_hand.centred_weight_map, centre)
    assert_explains(ClassContributionMaps(centre), case, by_hand.centred_contribution, centre)


@few
@given(classifiers())
def test_uniform(case):
    assert_explains(Uniform(), case, by_hand.uniform)


@few
@given(cnns())
def test_methods_asked_together_answer_as_alone(case):
    together = {"cam": CAM(), "guided_grad_cam": GuidedGradCAM(), "saliency": Saliency(), "smooth": SmoothGrad(2)}
    for name, explanation in explain_with(together, case.network, case.images).items():
        assert_same(explanation.maps, together[name](case.network, case.images).maps, 1e-12)


@few
@given(gcms(count=40, can_be_clipped=False))
def test_random_maps_are_standard_normal_and_independent(case):
    """Mean, variance and correlations within five standard errors of 0, 1 and 0."""
    maps = Random(seed=3)(case.network, case.images).maps.flatten(2).numpy()  # (40,K,P)
    count = maps.size
    assert abs(maps.mean()) < 5 / count**0.5
    assert abs(maps.var() - 1) < 5 * (2 / count) ** 0.5
    assert abs((maps**4).mean() - 3) < 5 * (96 / count) ** 0.5
    pairs = [maps[:, 0] * maps[:, 1], maps[:-1] * maps[1:], maps[:, :, :-1] * maps[:, :, 1:]]  # classes, images, pixels
    for products in pairs:
        assert abs(products.mean()) < 5 / products.size**0.5
    assert not np.array_equal(maps, Random(seed=4)(case.network, case.images).maps.flatten(2).numpy())
