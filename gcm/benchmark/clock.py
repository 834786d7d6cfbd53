"""A clock times the steps of a training."""

import time
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer


class Clock(Callback):
    """Stops a training after some steps, and knows what all but the first, the warm-up, took.

    Attributes:
        seconds: duration of `steps` steps.
    """

    def __init__(self, warm_up: int, steps: int) -> None:
        self.warm_up, self.steps = warm_up, steps
        self.began = self.seconds = 0.0

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if trainer.global_step == self.warm_up:
            self.began = time.perf_counter()
        if trainer.global_step == self.warm_up + self.steps:
            self.seconds = time.perf_counter() - self.began
            trainer.should_stop = True
