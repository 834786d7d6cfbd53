"""Fashion-MNIST: 60,000 + 10,000 articles of clothing, 28x28 grey."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcm.data.base import Unlike
from gcm.data.mnist import MNIST


@dataclass(kw_only=True)
class FashionMNIST(MNIST):
    """Fashion-MNIST holds articles of clothing in MNIST's format (Xiao et al., 2017).

    >>> from gcm.data import FashionMNIST
    >>> FashionMNIST.shape, FashionMNIST.counts
    ((1, 28, 28), (60000, 10000))
    """

    flip: bool = True
    unlike: Unlike | tuple[Unlike, ...] = ("inverted", "noise")

    name = "fashion_mnist"
    files = "FashionMNIST/raw/{train,t10k}-{images-idx3,labels-idx1}-ubyte"
    archives = "FashionMNIST/raw/*.gz"
    source = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
    counts = (60_000, 10_000)
    sha256 = ("", "")

    def open(self, root: Path, train: bool, download: bool) -> Any:
        from torchvision import datasets  # seconds

        return datasets.FashionMNIST(root, train=train, download=download)

    def class_names(self) -> tuple[str, ...]:
        from torchvision import datasets  # seconds

        return tuple(name.lower() for name in datasets.FashionMNIST.classes)
