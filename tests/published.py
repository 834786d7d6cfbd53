"""Small data sets that stand for the published ones, and what can happen to their files."""

import os
from pathlib import Path

import numpy as np
import pytest

from gcm.data.torchvision_data import TorchvisionData
from gcm.error import InputError

COUNT = 20
"""Images in each split of them."""

CHANGES = {
    "empty": lambda data: b"",
    "cut off in the middle": lambda data: data[: len(data) // 2],
    "cut off by a byte": lambda data: data[:-1],
    "a byte too long": lambda data: data + b"\0",
    "a bit flipped": lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
    "a page": lambda data: b"<!DOCTYPE html><html>404</html>",
    "gone": None,
}


def labels(count: int = COUNT) -> np.ndarray:
    return (np.arange(count) % 9 + 1).astype(np.uint8)  # EMNIST counts letters from 1


def refusal(kind: type[TorchvisionData], root: Path, train: bool = False) -> str:
    """The one line."""
    with pytest.raises(InputError) as caught:
        kind(root=str(root)).read(train)
    line = str(caught.value)
    assert line.isprintable()
    for part in (kind.name, str(root), kind.files, kind.source):
        assert part in line
    return line


class Malicious:
    """Unpickled, it makes a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)
