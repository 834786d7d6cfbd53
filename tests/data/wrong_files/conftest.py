"""No network, and data sets of which few images are published."""

import pytest
from published import COUNT

from gcm.data import CIFAR10, MNIST, SVHN, EMNISTLetters, FashionMNIST


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refused(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("torchvision.datasets.utils.urllib.request.urlopen", refused)


@pytest.fixture(autouse=True)
def few_are_published(monkeypatch):
    for kind in (MNIST, FashionMNIST, EMNISTLetters, CIFAR10, SVHN):
        monkeypatch.setattr(kind, "counts", (COUNT, COUNT))
        monkeypatch.setattr(kind, "sha256", ("", ""))


@pytest.fixture
def canary(tmp_path):
    return tmp_path / "canary"
