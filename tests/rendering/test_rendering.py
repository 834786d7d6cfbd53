"""Renderings, by hand and by contract."""

import matplotlib as mpl
import numpy as np
import pytest
import torch

from gcm.error import InputError
from gcm.rendering import Absolute, Blend, Product, Raw
from gcm.rendering.blend import jet, min_max_scaled

RENDERINGS = {"raw": Raw(), "absolute": Absolute(), "blend": Blend(), "product": Product()}


@pytest.mark.parametrize("rendering", RENDERINGS.values(), ids=RENDERINGS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("grid", [(8, 8), (4, 2)])
def test_a_batch_equals_its_maps_one_by_one(rendering, channels, grid):
    images = torch.rand(3, channels, 8, 8, dtype=torch.float64)
    for depth in {1, channels}:
        maps = torch.randn(3, 5, depth, *grid, dtype=torch.float64)
        pictures = rendering(maps, images)
        assert pictures.shape[:2] == (3, 5)
        assert pictures.isfinite().all()
        single = rendering(maps[1:2, 3:4], images[1:2])
        torch.testing.assert_close(pictures[1:2, 3:4], single)


@pytest.mark.parametrize("rendering", RENDERINGS.values(), ids=RENDERINGS)
@pytest.mark.parametrize("shape", [(2, 5, 1, 8), (3, 5, 1, 8, 8), (2, 5, 2, 8, 8)])
def test_wrong_maps_are_refused(rendering, shape):
    with pytest.raises(InputError, match=r"maps must be \(B,K,d,h,w\) with d = 1 or C"):
        rendering(torch.zeros(shape), torch.rand(2, 3, 8, 8))


def test_raw_and_absolute_keep_resolution():
    maps, images = torch.randn(2, 4, 1, 3, 3), torch.rand(2, 3, 12, 12)
    assert torch.equal(Raw()(maps, images), maps)
    assert torch.equal(Absolute()(maps, images), maps.abs())


def test_product_by_hand():
    maps = torch.tensor([2.0, -1.0]).view(1, 1, 1, 1, 2)
    images = torch.tensor([[[[0.5, 1.0]], [[0.0, 0.25]]]])
    assert Product()(maps, images).tolist() == [[[[[1.0, -1.0]], [[0.0, -0.25]]]]]


def test_product_enlarges_first():
    images = torch.rand(1, 3, 8, 8)
    pictures = Product()(torch.full((1, 2, 1, 2, 2), 3.0), images)
    torch.testing.assert_close(pictures, 3 * images.unsqueeze(1).expand(1, 2, 3, 8, 8))


def test_jet_is_close_to_matplotlibs():
    """matplotlib's jet has 256 steps and slightly other corners; the formula is MATLAB's."""
    values = np.linspace(0, 1, 101)
    ours = jet(torch.from_numpy(values).view(1, 1, 1, -1))[0, 0, :, 0].T.numpy()
    assert np.abs(ours - mpl.colormaps["jet"](values)[:, :3]).max() < 0.13
    assert ours[0].tolist() == [0, 0, 0.5]
    assert ours[50].tolist() == [0.5, 1, 0.5]
    assert ours[100].tolist() == [0.5, 0, 0]


def test_blend_by_hand():
    """The largest value becomes dark red, the smallest dark blue, over a fifth of the image."""
    maps = torch.tensor([-3.0, 7.0]).view(1, 1, 1, 1, 2)
    picture = Blend()(maps, torch.full((1, 3, 1, 2), 0.5))[0, 0, :, 0]
    torch.testing.assert_close(picture[:, 0], torch.tensor([0.1, 0.1, 0.45]))
    torch.testing.assert_close(picture[:, 1], torch.tensor([0.45, 0.1, 0.1]))


def test_blend_does_not_see_scale_or_offset_of_a_map():
    maps, images = torch.randn(2, 3, 1, 4, 4, dtype=torch.float64), torch.rand(2, 1, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(Blend()(maps, images), Blend()(5 * maps - 2, images))


def test_a_constant_map_becomes_zero():
    assert min_max_scaled(torch.full((1, 1, 2, 2), 4.0)).tolist() == [[[[0, 0], [0, 0]]]]
