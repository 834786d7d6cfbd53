"""The program's own training is measured against its network in a loop that does nothing else."""

import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Optimizer

from gcm.data import ImageData
from gcm.model import Classifier
from gcm.study.speed.numbers import seconds

if TYPE_CHECKING:
    from pytorch_lightning import Callback, Trainer

    from gcm.training.module import ClassifierTraining


@dataclass(frozen=True)
class OwnTraining:
    """The program's own training, by the parts that a benchmark needs.

    Attributes:
        data: the data that it trains on.
        half: whether it computes in bfloat16 where autocast allows.
        new_network: makes an untrained network.
        new_module: makes an untrained network with all that its training needs; writes into a directory.
        new_trainer: makes a trainer as the settings want it, with one more callback.
        new_optimizer: makes an optimizer of a network's parameters.
    """

    data: ImageData
    half: bool
    new_network: Callable[[], Classifier]
    new_module: Callable[[Path], "ClassifierTraining"]
    new_trainer: Callable[[Path, "Callback"], "Trainer"]
    new_optimizer: Callable[["ClassifierTraining"], Optimizer]

    def seconds(self, warm_up: int, steps: int) -> float:
        """Return the seconds of some steps after a warm-up, in a training from the beginning."""
        from gcm.benchmark.clock import Clock
        from gcm.training.batches import ImageBatches

        clock = Clock(warm_up, steps)
        with tempfile.TemporaryDirectory() as directory:
            trainer = self.new_trainer(Path(directory), clock)
            trainer.fit(self.new_module(Path(directory)), ImageBatches(self.data))
        return clock.seconds

    def bare(self, warm_up: int, steps: int) -> Callable[[], float]:
        """Return the seconds of as many steps over one batch of noise."""
        module = self.new_module(Path())
        optimizer, network = self.new_optimizer(module), module.network.train()
        images = torch.rand(self.data.batch_size, *self.data.spec.shape).contiguous(memory_format=module.memory_format)
        labels = torch.randint(len(self.data.spec.classes), (self.data.batch_size,))

        def step() -> None:
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16) if self.half else nullcontext():
                loss: Tensor = F.cross_entropy(network(images), labels)
            loss.backward()
            optimizer.step()

        def repeated(times: int) -> None:
            for _ in range(times):
                step()

        def measured() -> float:
            repeated(warm_up)
            return seconds(lambda: repeated(steps))

        return measured
