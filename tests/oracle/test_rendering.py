"""Renderings equal their recipe, and resizing the kernels' formulas."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import rendering as by_hand
from oracle.case import assert_same, few, seeds
from oracle.resize import resized as resized_by_hand

from gcm.rendering import Absolute, Blend, Product, Raw
from gcm.rendering.base import resized

sizes = st.integers(1, 9)
interpolations = st.sampled_from(["bicubic", "bilinear", "nearest"])


@st.composite
def maps_and_images(draw):
    """Maps `(2,2,d,h,w)` of one channel or as many as the image has, of a size below, at, or above the image's."""
    channels = draw(st.sampled_from([1, 3]))
    depth, small = draw(st.sampled_from([1, channels])), (draw(sizes), draw(sizes))
    generator = torch.Generator().manual_seed(draw(seeds))
    maps = torch.randn(2, 2, depth, *small, generator=generator, dtype=torch.float64)
    images = torch.rand(2, channels, draw(sizes), draw(sizes), generator=generator, dtype=torch.float64)
    return maps, images


def assert_renders(rendering, drawn, of_map, *settings):
    maps, images = drawn
    expected = [
        [of_map(weight_map, image, *settings) for weight_map in of_image]
        for of_image, image in zip(maps.numpy(), images.numpy(), strict=True)
    ]
    assert_same(rendering(maps, images), np.array(expected))


@few
@given(maps_and_images(), interpolations)
def test_resizing(drawn, interpolation):
    maps, images = drawn
    size = images.shape[2:]
    expected = [resized_by_hand(plane, *size, interpolation) for plane in maps.flatten(0, 2).numpy()]
    assert_same(resized(maps, images, interpolation).flatten(0, 2), np.array(expected))


@few
@given(maps_and_images(), interpolations)
def test_all_four(drawn, interpolation):
    assert_renders(Raw(), drawn, by_hand.raw)
    assert_renders(Absolute(), drawn, by_hand.absolute)
    assert_renders(Product(interpolation), drawn, by_hand.product, interpolation)
    assert_renders(Blend(0.6, 0.3, interpolation), drawn, by_hand.blend, 0.6, 0.3, interpolation)


@few
@given(maps_and_images())
def test_what_is_drawn_unless_something_else_is_asked_for(drawn):
    """The paper's 0.7 and 0.2, bicubic."""
    assert_renders(Product(), drawn, by_hand.product, "bicubic")
    assert_renders(Blend(), drawn, by_hand.blend, 0.7, 0.2, "bicubic")
