"""MNIST: 60,000 + 10,000 handwritten digits, 28x28 grey."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcm.data.base import MemorySplit, Unlike
from gcm.data.torchvision_data import TorchvisionData


@dataclass(kw_only=True)
class MNIST(TorchvisionData):
    """MNIST holds handwritten digits (LeCun et al., 1998): 60,000 + 10,000, 28x28 grey.

    >>> from gcm.data import MNIST
    >>> MNIST(root="data").class_names()[-1], MNIST.shape, MNIST.counts
    ('9', (1, 28, 28), (60000, 10000))
    """

    crop_padding: int = 2
    unlike: Unlike | tuple[Unlike, ...] = ("emnist_letters", "fashion_mnist", "inverted", "noise")

    name = "mnist"
    files = "MNIST/raw/{train,t10k}-{images-idx3,labels-idx1}-ubyte"
    archives = "MNIST/raw/*.gz"
    source = "https://ossci-datasets.s3.amazonaws.com/mnist/"
    shape = (1, 28, 28)
    counts = (60_000, 10_000)
    sha256 = (
        "d18cfd466eb143ac1097fde604dba9eec4116885869d04cc648b510949f9e88c",
        "a0863a96c44e5666edbb30c4071ee79ca0514c621e6349c5967fc78e7305c891",
    )

    def open(self, root: Path, train: bool, download: bool) -> Any:
        from torchvision import datasets  # seconds

        return datasets.MNIST(root, train=train, download=download)

    def tensors(self, opened: Any) -> MemorySplit:
        return MemorySplit(opened.data.unsqueeze(1), opened.targets.long())

    def class_names(self) -> tuple[str, ...]:
        return tuple(map(str, range(10)))
