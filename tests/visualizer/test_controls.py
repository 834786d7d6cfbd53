"""The controls: maps that know nothing of where the evidence lies."""

import torch
from sample import NETWORKS, images_of

from gcm.data import ImageSpec
from gcm.visualizer import (
    Random,
    Uniform,
)


def test_random_maps_differ_between_images_and_seeds():
    spec = ImageSpec.of(1, 20, 4)
    network, images = NETWORKS["cnn"](spec), images_of(spec)
    maps = Random(seed=1)(network, images).maps
    assert not torch.equal(maps[0], maps[1])
    assert not torch.equal(maps, Random(seed=2)(network, images).maps)
    assert "seed=1" in repr(Random(seed=1))


def test_uniform_maps_sum_to_the_logits():
    spec = ImageSpec.of(3, 16, 3)
    explanation = Uniform()(NETWORKS["lenet"](spec), images_of(spec))
    torch.testing.assert_close(explanation.maps.sum((2, 3, 4)), explanation.logits)
