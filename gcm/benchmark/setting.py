"""A setting holds the networks and images that the rows of the benchmark look at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gcm.benchmark.own_training import OwnTraining
from gcm.data import Split, as_pixels
from gcm.model import GCM, PooledClassifier, evaluation_copy


@dataclass(frozen=True)
class Setting:
    """The networks and images that rows look at.

    Attributes:
        cnn, gcm: trained networks of the same data set, on the CPU.
        test: its test images.
        batch_size: images that are explained at a time.
        training: the program's own, by the words of a command line.
    """

    cnn: PooledClassifier
    gcm: GCM
    test: Split
    batch_size: int
    training: Callable[[Sequence[str]], OwnTraining]

    @cached_property
    def images(self) -> Tensor:
        """The first batch of test images, `(B,C,H,W)` in [0,1]."""
        return as_pixels(self.test[torch.arange(self.batch_size)][0], "cpu")

    @cached_property
    def copy(self) -> PooledClassifier:
        return evaluation_copy(self.cnn)

    @cached_property
    def half(self) -> PooledClassifier:
        return evaluation_copy(self.cnn, torch.bfloat16)
