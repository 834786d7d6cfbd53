"""The embedded data set: 1,797 handwritten digits that come with scikit-learn."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import interpolate

from gcm.data.base import ImageData, MemorySplit

SIZE = 32
TEST_SIZE = 360


@dataclass(kw_only=True)
class Digits(ImageData):
    """The digits are handwritten (UCI, optical recognition), 8x8 grey values 0 to 16, enlarged to 32x32.

    They come with scikit-learn; `root` is not used. The data set has no official split; ours is fixed: 360 images for
    testing, the classes in proportion.

    >>> from gcm.data import Digits
    >>> len(Digits().train), len(Digits().test)
    (1437, 360)
    """

    root: str = ""

    name = "digits"

    def read(self, train: bool) -> MemorySplit:
        from sklearn.datasets import load_digits  # seconds
        from sklearn.model_selection import train_test_split

        small, labels = load_digits(return_X_y=True)
        parts = train_test_split(np.arange(len(labels)), test_size=TEST_SIZE, stratify=labels, random_state=0)
        indices = np.sort(parts[0] if train else parts[1])
        values = torch.from_numpy(small[indices]).float().view(-1, 1, 8, 8) * (255 / 16)
        images = interpolate(values, size=SIZE, mode="bilinear").round().to(torch.uint8)
        return MemorySplit(images, torch.from_numpy(labels[indices]).long())

    def class_names(self) -> tuple[str, ...]:
        return tuple(map(str, range(10)))
