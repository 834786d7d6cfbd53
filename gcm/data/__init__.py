"""Data: official splits as uint8 tensors, batches, augmentation."""

from gcm.data.base import ImageData, MemorySplit, Split, as_pixels
from gcm.data.cifar10 import CIFAR10
from gcm.data.digits import Digits
from gcm.data.emnist_letters import EMNISTLetters
from gcm.data.fashion_mnist import FashionMNIST
from gcm.data.grid import Grid
from gcm.data.image_folder import ImageFolder
from gcm.data.mnist import MNIST
from gcm.data.placed import PlacedSplit
from gcm.data.planted import Planted
from gcm.data.spec import ImageSpec, class_index
from gcm.data.svhn import SVHN
from gcm.data.unlike import unlike

__all__ = [
    "CIFAR10",
    "MNIST",
    "SVHN",
    "Digits",
    "EMNISTLetters",
    "FashionMNIST",
    "Grid",
    "ImageData",
    "ImageFolder",
    "ImageSpec",
    "MemorySplit",
    "PlacedSplit",
    "Planted",
    "Split",
    "as_pixels",
    "class_index",
    "unlike",
]
