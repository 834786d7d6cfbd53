"""Facts about MNIST and CIFAR-10 as they are published; run with `pytest -m real_data` where $GCM_DATA holds them."""

import os

import pytest

from gcm.data import CIFAR10, MNIST

pytestmark = pytest.mark.real_data


@pytest.fixture
def root():
    return os.environ["GCM_DATA"]


def test_mnist(root):
    data = MNIST(root=root)
    assert (len(data.train), len(data.test)) == (60_000, 10_000)
    assert data.test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert data.spec.mean == pytest.approx((0.1307,), abs=5e-5)
    sevens = (data.test.labels == 7).nonzero().flatten()[:10].tolist()
    assert sevens == [0, 17, 26, 34, 36, 41, 60, 64, 70, 75]


def test_cifar10(root):
    data = CIFAR10(root=root, val_size=5000)
    assert (len(data.train), len(data.validation), len(data.test)) == (45_000, 5_000, 10_000)
    assert data.test.labels.bincount().tolist() == [1000] * 10
    assert CIFAR10(root=root).spec.mean == pytest.approx((0.4914, 0.4822, 0.4465), abs=5e-5)
