"""Which images a study looks at, and which regions, where nobody says so."""

import pytest
import torch

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.study.region_deletion.numbers import check_grid, usual_grid
from gcm.study.selection import first_of_each_class


def test_each_class_gives_as_many_images_as_all_have():
    labels, classes = torch.tensor([0, 1, 1, 0, 1, 3, 3, 3, 0]), ("a", "b", "empty", "d")
    assert first_of_each_class(labels, classes, None, [0, 1, 3]).tolist() == [[0, 3, 8], [1, 2, 4], [5, 6, 7]]
    assert first_of_each_class(labels[:-1], classes, None, [3]).tolist() == [[5, 6]]  # of class a there are two
    assert first_of_each_class(torch.arange(3).repeat(1500), ("a", "b", "c"), None).shape == (3, 1000)
    with pytest.raises(InputError, match="class empty has 0 images"):
        first_of_each_class(labels, classes, None)


@pytest.mark.parametrize(("height", "width", "grid"), [(28, 28, 14), (32, 32, 8), (28, 42, 14), (13, 13, 13), (17, 34, 1)])  # fmt: skip
def test_regions_are_the_paper_s_14_in_a_row_or_as_many_below_as_divide_the_image(height, width, grid):
    spec = ImageSpec(1, height, width, ("a", "b"), (0.5,))
    assert usual_grid(spec) == grid
    check_grid(grid, spec)
