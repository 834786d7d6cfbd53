"""Planted shapes and grids: labels, places and shares are what they are said to be."""

import pytest
import torch

from gcm.data import Digits, Grid, PlacedSplit, Planted
from gcm.data.grid import grids
from gcm.data.planted import SHAPES
from gcm.error import InputError

DIGITS = {"_target_": "gcm.data.Digits"}


def small(**settings):
    return Planted(**{"train_images": 40, "test_images": 30, **settings})


def shapes_of(places):
    """How many cells show each class, `(N,K)`."""
    count, classes, size, _ = places.shape
    cells = places.view(count, classes, 3, size // 3, 3, size // 3).flatten(0, 1).sum((2, 4)) > 10
    return cells.sum((1, 2)).view(count, classes)


def test_the_label_is_the_class_shown_most_often():
    split = small(size=48, copies=3, rivals=3, noise=0.0).test
    assert split.images.shape == (30, 3, 48, 48)
    assert split.images.dtype == torch.uint8
    shapes = shapes_of(split.places)
    assert torch.equal(shapes.argmax(1), split.labels)
    assert (shapes.sort(1).values == torch.tensor([0, 1, 1, 1, 3])).all()
    assert (split.places.sum(1) <= 1).all()  # no pixel shows two classes


def test_shapes_are_brighter_than_the_ground_by_the_contrast():
    split = small(noise=0.0, contrast=0.4, distractors=0).test
    brightness = split.images.double().div(255).amin(1)
    for image, places in zip(brightness, split.places.any(1), strict=True):
        assert image[places].median() >= 0.745
        outside = torch.nn.functional.max_pool2d(places[None].double(), 3, 1, 1)[0] == 0
        assert image[outside].max() <= 0.36


def test_distractors_bear_no_class_and_rivals_do():
    plain, crowded = small(rivals=0, distractors=0, noise=0.0).test, small(rivals=0, distractors=4, noise=0.0).test
    bright = [(split.images.amin(1) > 150).sum() for split in (plain, crowded)]
    assert bright[1] > 1.3 * bright[0]
    for split in (plain, crowded):
        assert (split.places.flatten(2).any(2).sum(1) == 1).all()


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_lies_in_its_cell(name):
    """Nine of them fill nine cells, with darkness between."""
    split = small(copies=9, rivals=0, distractors=0, size=48).test
    of_class = split.places[split.labels == list(SHAPES).index(name), list(SHAPES).index(name)]
    assert len(of_class)
    cells = of_class.view(len(of_class), 3, 16, 3, 16).sum((2, 4))
    assert (cells > 20).all()
    assert of_class.float().mean() < 0.6


def test_the_same_seed_makes_the_same_images_and_splits_differ():
    first, again, other = small(), small(), small(seed=1)
    assert torch.equal(first.test.images, again.test.images)
    assert not torch.equal(first.test.images, other.test.images)
    assert not torch.equal(first.test.images, small(train_images=30).train.images)
    part = first.test.subset(torch.tensor([4, 2]))
    assert isinstance(part, PlacedSplit)
    assert torch.equal(part.places, first.test.places[[4, 2]])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"distractors": 8}, "at most 9, got 12"),
        ({"rivals": 5}, "rivals must be at most 4"),
        ({"copies": 1}, "copies must be at least 2"),
        ({"size": 20}, "at least 24 pixels, got 20"),
    ],
)
def test_impossible_images_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        Planted(**settings)


@pytest.mark.parametrize("rows", [2, 3])
def test_grids_show_different_classes_each_in_its_cell(rows):
    data = Digits()
    split = grids(data, rows, 12, seed=0)
    size = rows * 32
    assert split.images.shape == (12, 1, size, size)
    assert (split.places.sum(1) == 1).all()  # every pixel belongs to one class
    shown = split.places.flatten(2).any(2)
    assert (shown.sum(1) == rows * rows).all()
    known = {image.numpy().tobytes(): int(label) for image, label in zip(*data.test[torch.arange(360)], strict=True)}
    for image, places, label in zip(split.images, split.places, split.labels, strict=True):
        assert places[label, 0, 0]
        for row in range(rows):
            for column in range(rows):
                cell = (slice(row * 32, row * 32 + 32), slice(column * 32, column * 32 + 32))
                of_cell = known[image[0][cell].contiguous().numpy().tobytes()]
                assert places[of_cell][cell].all()


def test_grid_as_a_data_set():
    data = Grid(of=DIGITS, rows=2, grids=5)
    assert data.class_names() == Digits().class_names()
    assert len(data.test) == 5
    with pytest.raises(InputError, match="data=grid has no training images"):
        _ = data.train
    with pytest.raises(InputError, match="a grid of 4x4 images needs 16 classes; digits has 10"):
        _ = Grid(of=DIGITS, rows=4).test
