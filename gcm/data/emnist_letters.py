"""EMNIST letters: 124,800 + 20,800 handwritten letters, 28x28 grey."""

from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from gcm.data.base import MemorySplit, Unlike
from gcm.data.mnist import MNIST


@dataclass(kw_only=True)
class EMNISTLetters(MNIST):
    """EMNIST letters are handwritten, large and small ones together, in MNIST's format (Cohen et al., 2017).

    >>> from gcm.data import EMNISTLetters
    >>> len(EMNISTLetters(root="data").class_names()), EMNISTLetters.counts
    (26, (124800, 20800))
    """

    unlike: Unlike | tuple[Unlike, ...] = ("inverted", "noise")

    name = "emnist_letters"
    files = "EMNIST/raw/emnist-letters-{train,test}-{images-idx3,labels-idx1}-ubyte"
    archives = "EMNIST/raw/*.zip"
    source = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    counts = (124_800, 20_800)
    sha256 = ("", "556deaee45e1635cfa41fb9a57d46938ba7ed35c57b2399ea2f138c8efa971c4")

    def open(self, root: Path, train: bool, download: bool) -> Any:
        from torchvision import datasets  # seconds

        return datasets.EMNIST(root, "letters", train=train, download=download)

    def tensors(self, opened: Any) -> MemorySplit:
        """Return images and labels; the files hold rows and columns exchanged, and number the letters from 1."""
        return MemorySplit(opened.data.transpose(1, 2).unsqueeze(1).contiguous(), opened.targets.long() - 1)

    def class_names(self) -> tuple[str, ...]:
        return tuple(ascii_lowercase)
