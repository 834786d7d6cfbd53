"""Several processes share an evaluation."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import DictConfig, ListConfig

from gcm.cli.device import device_of
from gcm.launch import for_launched, is_first_process, start_together


@dataclass(frozen=True)
class Rank:
    """A process's place among those that share an evaluation.

    Attributes:
        number: this process's number, from 0; the first one writes.
        processes: how many there are.
        device: the device on which this one works.
    """

    number: int
    processes: int
    device: torch.device


@contextmanager
def shared_work(config: DictConfig) -> Iterator[Rank]:
    """Yield this process's rank, and start the others where the settings want several, if torchrun did not.

    The settings are `trainer.devices=` and `trainer.strategy=`. Enter it within the run directory. Within it
    torchmetrics adds up over all processes.
    """
    settings = for_launched({name: config.trainer[name] for name in ("accelerator", "strategy", "devices")})
    if settings["strategy"] == "auto" and not several(settings["devices"]):
        yield Rank(0, 1, device_of(config))
        return
    from lightning_fabric import Fabric

    start_together()
    fabric = Fabric(**{**settings, "strategy": "ddp" if settings["strategy"] == "auto" else settings["strategy"]})
    fabric.launch()
    try:
        yield Rank(fabric.global_rank, fabric.world_size, fabric.device)
    except BaseException:
        for started in getattr(fabric.strategy.launcher, "procs", []):  # which would work on for nobody
            started.terminate()
        raise
    finally:
        torch.distributed.destroy_process_group()


def several(devices: Any) -> bool:
    """Return whether `trainer.devices=` asks for more than one."""
    return len(devices) > 1 if isinstance(devices, ListConfig | list) else devices not in ("auto", 1)


def goes_on_alone() -> bool:
    """Part the processes of a distributed training, and return whether this one goes on: the first does, the others
    must end.
    """
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    return is_first_process()
