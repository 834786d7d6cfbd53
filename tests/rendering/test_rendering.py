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


@pytest.mark.parametrize("rendering", RENDERINGS.values(), ids=RENDERINGS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_narrow_maps_are_rendered_as_the_same_numbers_in_float32(rendering, dtype):
    maps, images = torch.randn(2, 3, 1, 4, 4).to(dtype), torch.rand(2, 1, 8, 8).to(dtype)
    expected = rendering(maps.float(), images.float())
    for narrow in (rendering(maps, images), rendering(maps, images.float()), rendering(maps.float(), images)):
        assert narrow.dtype == torch.float32
        assert torch.equal(narrow, expected)


@pytest.mark.parametrize("rendering", RENDERINGS.values(), ids=RENDERINGS)
@pytest.mark.parametrize(
    ("dtype", "size"), [(torch.float16, 4e4), (torch.bfloat16, 1.5e38), (torch.float32, 1.5e38), (torch.float64, 5e307)]
)
def test_maps_of_any_size_become_numbers(rendering, dtype, size):
    """The picture is that of the map of ones and minus ones, times the size where it is not scaled."""
    ones = torch.randn(2, 3, 1, 4, 4).sign()
    images = torch.rand(2, 1, 8, 8)
    pictures = rendering(size * ones.to(dtype), images)
    assert pictures.isfinite().all()
    scale = 1 if rendering.in_colours else float(torch.tensor(size, dtype=dtype))
    torch.testing.assert_close((pictures / scale).float(), rendering(ones, images))


def test_a_blend_of_the_largest_numbers_is_that_of_ones():
    """Also where several channels add up to what no number can hold, between bicubic pixels, and beside a small map."""
    ones = torch.randn(2, 3, 3, 4, 4).sign()
    images = torch.rand(2, 3, 8, 8)
    expected = Blend()(ones, images)
    for dtype in (torch.float32, torch.float64):
        sizes = torch.tensor([torch.finfo(dtype).max, 1, 1e-30], dtype=dtype).view(1, 3, 1, 1, 1)
        torch.testing.assert_close(Blend()(sizes * ones, images).float(), expected)


@pytest.mark.parametrize("rendering", RENDERINGS.values(), ids=RENDERINGS)
@pytest.mark.parametrize(("batch", "classes", "side"), [(0, 2, 4), (2, 0, 4), (2, 2, 0)])
def test_nothing_to_draw_is_refused(rendering, batch, classes, side):
    with pytest.raises(InputError, match=r"maps must be \(B,K,d,h,w\)|at least one image"):
        rendering(torch.zeros(batch, classes, 1, side, side), torch.rand(batch, 1, 8, 8))
    with pytest.raises(InputError, match="at least one image"):
        rendering(torch.zeros(2, 2, 1, 4, 4), torch.rand(2, 1, 8, 0))
