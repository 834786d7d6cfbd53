"""Filter contributions, their ranking, their pixels, and the way backwards equal the filter-contribution paper's."""

import numpy as np
import torch
from hypothesis import given
from oracle.case import assert_same, few, lenets
from oracle.path import Paths, backwards, two_strongest

from gcm.data import MemorySplit
from gcm.study.filter_contribution.numbers import FilterPath, filter_contributions, path_pixel_maps
from gcm.study.filter_image.deconvolution import deconvolution


def small_maps(paths, k):
    return [[paths.small_map(k, i, j) for j in range(paths.second)] for i in range(paths.first)]


@few
@given(lenets())
def test_contributions(case):
    found = [Paths(case.oracle, image) for image in case.arrays]
    classes = range(case.oracle.classes)
    maps = np.array([[small_maps(paths, k) for k in classes] for paths in found])
    account = case.network.contributions(case.images)
    assert_same(case.network.path_contribution_maps(case.images), maps)
    assert_same(account.parts, maps.sum((4, 5)))
    assert_same(account.rest, [[paths.rest(k) for k in classes] for paths in found])
    assert_same(account.logits, [case.oracle.logits(image) for image in case.arrays])
    brought = [[[paths.brought(i, j) for j in range(paths.second)] for i in range(paths.first)] for paths in found]
    assert_same(case.network.path_maps(case.network.first_maps(case.images)), brought)
    targets = torch.tensor([[1, 0], [0, 1]])
    chosen = case.network.contributions(case.images, targets)
    assert_same(chosen.parts, [maps[place][targets[place]].sum((3, 4)) for place in range(2)])
    assert_same(chosen.rest, [[found[place].rest(k) for k in targets[place]] for place in range(2)])


@few
@given(lenets(count=1))
def test_pixels_of_paths(case):
    paths = Paths(case.oracle, case.arrays[0])
    wanted = [FilterPath(i, j) for i in range(paths.first) for j in range(paths.second)]
    found = path_pixel_maps(case.network, case.images, 1, wanted)
    assert_same(found, [paths.pixel_map(1, *path) for path in wanted])


@few
@given(lenets(count=7))
def test_the_strongest_paths_of_the_true_class(case):
    """On whole numbers of brightness, in float32; the network's own data type is put back."""
    classes = case.oracle.classes
    images = (255 * case.images).round().byte()
    labels = torch.arange(7) % classes
    count = 7 // classes
    found = filter_contributions("", case.network.float(), MemorySplit(images, labels), count)
    shares = np.zeros((2, *found.parts.shape[:1], *found.parts.shape[2:]))
    for k in range(classes):
        for place in [place for place in range(7) if labels[place] == k][:count]:
            paths = Paths(case.oracle, images[place].double().numpy() / 255)
            brought = {(i, j): paths.small_map(k, i, j).sum() for i in range(paths.first) for j in range(paths.second)}
            for rank, path in enumerate(two_strongest(brought)):
                shares[(rank, k, *path)] += 1 / count
    assert_same(found.shares(0), shares[0])
    assert_same(found.shares(1), shares[1])
    for k, pair in enumerate(found.leading):
        first = max(found.paths, key=lambda path: (shares[(0, k, *path)], -found.paths.index(path)))
        others = [path for path in found.paths if path != first]
        second = max(others, key=lambda path: (shares[(1, k, *path)], -found.paths.index(path)))
        assert pair == (first, second)


@few
@given(lenets())
def test_backwards(case):
    largest = case.network.pooling2(case.network.features(case.images)).amax(0).detach()
    expected = backwards(case.oracle, largest.numpy(), case.arrays[0].shape)
    assert_same(deconvolution(case.network, largest), expected)
    pooled = [case.oracle.head.layers[0].forward(case.oracle.features.forward(image)) for image in case.arrays]
    assert_same(largest, np.max(pooled, 0))
