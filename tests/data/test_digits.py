"""The embedded digits."""

import torch

from gcm.data import Digits


def test_sizes_and_range():
    data = Digits()
    assert (len(data.train), len(data.test)) == (1437, 360)
    assert data.spec.shape == (1, 32, 32)
    images, _ = data.train[torch.arange(1437)]
    assert (images.min(), images.max()) == (0, 255)


def test_the_split_is_stratified_and_fixed():
    counts = Digits().test.labels.bincount()
    assert counts.min() >= 35
    assert counts.max() <= 37
    assert torch.equal(Digits().test.labels, Digits(split_seed=5).test.labels)
    assert Digits().test.labels[:6].tolist() == [1, 4, 8, 6, 5, 9]
