"""Some images are unlike those that a network was trained on."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from gcm.data.base import ImageData, Split, Unlike
from gcm.data.emnist_letters import EMNISTLetters
from gcm.data.fashion_mnist import FashionMNIST
from gcm.data.image_folder import ImageFolder
from gcm.data.loader import seeded_generator
from gcm.error import InputError

LIKE_DIGITS = "bgiloqsz"
"""Letters that are written much like 8 or 6, 9, 1, 1, 0, 9, 5, 2."""
MOST = 10_000
"""The most images that are made."""

Images = Mapping[str, Tensor]
"""Images by name, `(N,C,H,W)` uint8."""


def unlike(data: ImageData, name: Unlike) -> Images:
    """Return images of the kind `name`, in the shape of the data's own.

    Raises `InputError` where they have other channels, or are not there.

    >>> from gcm.data import Planted, unlike
    >>> data = Planted(test_images=2)
    >>> bool((unlike(data, "inverted")["inverted"] == 255 - data.test.images).all())
    True
    """
    return MAKERS[name](data)


def letters(data: ImageData) -> Images:
    """Return letters; those that look like digits are apart, and no others count as unlike."""
    split = EMNISTLetters(root=root_beside(data), download=data.download).test
    like = torch.isin(split.labels, torch.tensor([ord(letter) - ord("a") for letter in LIKE_DIGITS]))
    images = in_shape_of(data, split, EMNISTLetters.name)
    return {
        "emnist_letters": images[~like],
        f"emnist_letters like digits ({', '.join(LIKE_DIGITS.upper())})": images[like],
    }


def clothes(data: ImageData) -> Images:
    return {
        FashionMNIST.name: in_shape_of(
            data, FashionMNIST(root=root_beside(data), download=data.download).test, FashionMNIST.name
        )
    }


def inverted(data: ImageData) -> Images:
    return {"inverted": 255 - own(data)}


def noise(data: ImageData) -> Images:
    """Return noise, every value as likely as any other."""
    shape = own(data).shape
    return {"noise": torch.randint(0, 256, shape, dtype=torch.uint8, generator=seeded_generator("cpu", 0))}


MAKERS: Mapping[Unlike, Callable[[ImageData], Images]] = {
    "emnist_letters": letters,
    "fashion_mnist": clothes,
    "inverted": inverted,
    "noise": noise,
}


def root_beside(data: ImageData) -> str:
    """Return where other data sets lie.

    Raises `InputError` for an image folder, of which they would be taken for a class.
    """
    if isinstance(data, ImageFolder):
        raise InputError("beside data=image_folder no other data set can lie; choose data.unlike=[inverted,noise]")
    return data.root or "data"


def own(data: ImageData) -> Tensor:
    return data.test[torch.arange(min(len(data.test), MOST))][0]


def in_shape_of(data: ImageData, split: Split, name: str) -> Tensor:
    """Return the split's images, resized (bilinear) where they have another size than the data's.

    Raises `InputError` where they have other channels.
    """
    images, wanted = split[torch.arange(len(split))][0], own(data).shape
    if images.shape[1] != wanted[1]:
        channels = f"{images.shape[1]} channels, {data.name} has {wanted[1]}"
        raise InputError(f"{name} has {channels}; name other images: data.unlike=[inverted,noise]")
    if images.shape[2:] == wanted[2:]:
        return images
    return interpolate(images.float(), wanted[2:], mode="bilinear").round().to(torch.uint8)
