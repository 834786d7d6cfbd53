"""Filter rankings, on cases counted by hand."""

import pytest
import torch

from gcm.data import ImageSpec, MemorySplit
from gcm.error import InputError
from gcm.model import CNN, LeNet
from gcm.study.filter_contribution.numbers import (
    FilterContributions,
    FilterPath,
    filter_contributions,
    leading_pairs,
    path_pixel_maps,
    share_of_samples_that_differ,
)

SPEC = ImageSpec.of(1, 16, 3)


def contributions_of(*ranked_paths):
    """For each class, images whose first and second path are given; 2 x 2 paths."""
    parts = torch.zeros(len(ranked_paths), len(ranked_paths[0]), 4)
    for label, images in enumerate(ranked_paths):
        for image, (first, second) in enumerate(images):
            parts[label, image, first], parts[label, image, second] = 2.0, 1.0
    count = len(ranked_paths[0])
    return FilterContributions(
        tuple(map(str, range(len(ranked_paths)))),
        torch.arange(len(ranked_paths) * count).view(-1, count),
        parts.unflatten(2, (2, 2)),
        torch.ones(len(ranked_paths), count, dtype=torch.bool),
    )


def test_shares_by_hand():
    found = contributions_of([(0, 1), (0, 2), (3, 1), (0, 1)], [(2, 0), (2, 0), (2, 1), (1, 2)])
    assert found.shares(0).tolist() == [[[0.75, 0.0], [0.0, 0.25]], [[0.0, 0.25], [0.75, 0.0]]]
    assert found.shares(1).tolist() == [[[0.0, 0.75], [0.25, 0.0]], [[0.5, 0.25], [0.25, 0.0]]]
    assert found.leading == [(FilterPath(0, 0), FilterPath(0, 1)), (FilterPath(1, 0), FilterPath(0, 0))]
    assert str(found.leading[1][0]) == "2→1"


def test_a_path_is_not_both_first_and_second():
    first, second = torch.tensor([0.6, 0.4, 0.0]), torch.tensor([0.4, 0.35, 0.25])
    assert leading_pairs(first, second).tolist() == [0, 1]


def test_samples_of_clear_cases_always_differ_and_of_equal_ones_never():
    clear = contributions_of([(0, 1)] * 20, [(1, 0)] * 20)
    equal = contributions_of([(0, 1)] * 20, [(0, 1)] * 20)
    assert share_of_samples_that_differ(clear) == 1.0
    assert share_of_samples_that_differ(equal) == 0.0
    close = contributions_of([(0, 1)] * 11 + [(1, 0)] * 9, [(1, 0)] * 20)
    assert 0.5 < share_of_samples_that_differ(close) < 0.9


def split_of(counts):
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    order = torch.randperm(len(labels))
    images = torch.randint(0, 256, (len(labels), *SPEC.shape), dtype=torch.uint8)
    return MemorySplit(images[order], labels[order])


def test_contributions_are_those_of_the_true_class_for_the_first_images():
    network, split = LeNet(SPEC, (2, 3)).eval(), split_of([4, 5, 6])
    found = filter_contributions("lenet", network, split, images_per_class=3, batch_size=2)
    assert found.parts.shape == (3, 3, 2, 3)
    for label in range(3):
        places = (split.labels == label).nonzero().flatten()[:3]
        assert found.places[label].tolist() == places.tolist()
        with torch.no_grad():
            account = network.contributions(split.images[places].float() / 255)
        torch.testing.assert_close(found.parts[label], account.parts[:, label])
        assert found.right[label].tolist() == (account.logits.argmax(1) == label).tolist()


def test_the_example_is_the_first_right_image():
    found = contributions_of([(0, 1)] * 3, [(1, 0)] * 3)
    found.right[1] = torch.tensor([False, False, True])
    assert (found.example(0), found.example(1)) == (0, 5)


def test_pixels_of_a_path_add_up_to_its_contribution():
    """Exactly so where the first layer has no bias."""
    network = LeNet(SPEC, (2, 3)).double().eval()
    with torch.no_grad():
        network.convolution1.bias.zero_()
    image = torch.rand(1, *SPEC.shape, dtype=torch.float64)
    paths = [FilterPath(0, 2), FilterPath(1, 1)]
    maps = path_pixel_maps(network, image, 1, paths)
    parts = network.contributions(image).parts[0, 1]
    torch.testing.assert_close(maps.sum((1, 2, 3)), torch.stack([parts[path] for path in paths]), rtol=0, atol=1e-12)
    assert not maps.requires_grad


def test_wrong_input_gets_one_line():
    with pytest.raises(InputError, match="class 0 has 4 images in this split, got images_per_class=5; at most 4"):
        filter_contributions("lenet", LeNet(SPEC), split_of([4, 5, 6]), images_per_class=5)
    with pytest.raises(InputError, match="mine is a CNN; filter paths are defined for networks of the family"):
        filter_contributions("mine", CNN(SPEC), split_of([4, 5, 6]), images_per_class=1)
    with pytest.raises(InputError, match="mine has one filter path; a ranking needs at least two"):
        filter_contributions("mine", LeNet(SPEC, (1, 1)), split_of([4, 5, 6]), images_per_class=1)
