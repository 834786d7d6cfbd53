"""The network of the shell lab: two convolutions, then a multilayer perceptron."""

from torch import Tensor, nn

from gcm.data.spec import ImageSpec
from gcm.error import InputError
from gcm.model.base import FeatureClassifier
from gcm.types import ShareBelowOne, Width

KERNEL = 3


class LabCNN(FeatureClassifier):
    """The network of the shell lab: two convolutions, then a multilayer perceptron of two linear layers.

    Convolution 3x3, ReLU and 2x2 max pooling come twice; a ReLU lies between the linear layers. Source: the paper
    "Introduction to explainable AI using computer with CPU only": convolutions followed by an MLP. Its sizes are not
    given there; these are ours. Raises `InputError` for images smaller than 10x10.

    Args:
        spec: the images and classes.
        filters: filters of the two convolutions.
        hidden: units of the hidden linear layer.
        dropout: share of the MLP's inputs that is left out, in training, before each linear layer.

    >>> from gcm.data import ImageSpec
    >>> from gcm.model import LabCNN
    >>> LabCNN(ImageSpec.of(channels=1, size=28, classes=10)).parameter_count()  # 28 -> 26 -> 13 -> 11 -> 5
    108618
    """

    def __init__(
        self,
        spec: ImageSpec,
        filters: tuple[Width, Width] = (16, 32),
        hidden: Width = 128,
        dropout: ShareBelowOne = 0.0,
    ) -> None:
        super().__init__(spec)
        height, width = (((size - 2) // 2 - 2) // 2 for size in (spec.height, spec.width))
        if min(height, width) < 1:
            raise InputError(f"LabCNN needs images of at least 10x10 pixels, got {spec.height}x{spec.width}")
        first, second = filters
        self.convolutions = nn.Sequential(
            nn.Conv2d(spec.channels, first, KERNEL),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, KERNEL),
            nn.ReLU(),
        )
        self.mlp = nn.Sequential(
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(second * height * width, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, len(spec.classes)),
        )

    def features(self, images: Tensor) -> Tensor:
        """Return the second convolution's maps before pooling, `(B,D,h,w)`."""
        features: Tensor = self.convolutions(images)
        return features

    def head(self, features: Tensor) -> Tensor:
        logits: Tensor = self.mlp(features)
        return logits
