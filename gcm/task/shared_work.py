"""Evaluations that several processes share."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from omegaconf import DictConfig

from gcm.task.device import device_of


@dataclass(frozen=True)
class Share:
    """Attributes:
    rank: this process's number, from 0; the first one writes.
    processes: how many there are.
    device: on which this one works.
    """

    rank: int
    processes: int
    device: torch.device


@contextmanager
def shared_work(config: DictConfig) -> Iterator[Share]:
    """This process's share; starts the others where `trainer.strategy=ddp trainer.devices=` want them.

    Enter it within the run directory. Within it torchmetrics adds up over all processes.
    """
    if config.trainer.strategy != "ddp":
        yield Share(0, 1, device_of(config))
        return
    from lightning_fabric import Fabric

    trainer = config.trainer
    fabric = Fabric(accelerator=trainer.accelerator, strategy=trainer.strategy, devices=trainer.devices)
    fabric.launch()
    try:
        yield Share(fabric.global_rank, fabric.world_size, fabric.device)
    finally:
        torch.distributed.destroy_process_group()
