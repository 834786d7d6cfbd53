"""The usual recipe trains the same network as most people would: Lightning, torchvision's transforms of PIL images, a
DataLoader.
"""

import tempfile
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision.datasets import CIFAR10
from torchvision.transforms import Compose, RandomCrop, ToTensor

from gcm.benchmark.clock import Clock


class UsualTraining(LightningModule):
    """Trains in float32, eager, its learning rate from a schedule, loss and accuracy logged at every step."""

    def __init__(self, network: nn.Module, steps: int) -> None:
        super().__init__()
        self.network, self.steps = network, steps

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        images, labels = batch
        logits = self.network(images)
        loss = F.cross_entropy(logits, labels)
        self.log("train_loss", loss)
        self.log("train_accuracy", (logits.argmax(1) == labels).float().mean(), prog_bar=True)
        return loss

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), lr=1e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def usual_seconds(network: nn.Module, root: str, batch_size: int, workers: int, warm_up: int, steps: int) -> float:
    """Return the seconds of some steps after a warm-up, on CIFAR-10's training images, shifted by up to 4 pixels as
    ours are.
    """
    transform = Compose([RandomCrop(32, padding=4, padding_mode="reflect"), ToTensor()])
    images = CIFAR10(root, train=True, transform=transform)
    clock = Clock(warm_up, steps)
    with tempfile.TemporaryDirectory() as directory:
        trainer = Trainer(
            max_epochs=1, accelerator="cpu", callbacks=[clock], logger=False, default_root_dir=directory,
            enable_checkpointing=False, enable_model_summary=False,
        )  # fmt: skip
        batches = DataLoader(images, batch_size, shuffle=True, num_workers=workers, drop_last=True)
        trainer.fit(UsualTraining(network, len(batches)), batches)
    return clock.seconds
