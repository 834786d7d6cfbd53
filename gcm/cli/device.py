"""Networks are computed on a device, where the same command gives the same numbers."""

import os
import platform
from contextlib import suppress
from pathlib import Path

import torch
from omegaconf import DictConfig, ListConfig

from gcm.error import InputError


def device_of(config: DictConfig) -> torch.device:
    """Return the device where networks are evaluated: a GPU if there is one, unless `trainer.accelerator=cpu`.

    It is the first of `trainer.devices=` where they are named.
    """
    if config.trainer.accelerator == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    devices = config.trainer.get("devices")
    return torch.device("cuda", devices[0]) if isinstance(devices, ListConfig) else torch.device("cuda")


def check_device(config: DictConfig) -> None:
    """Raise `InputError` where networks cannot be evaluated as the command wants it."""
    wanted = config.trainer.accelerator
    if wanted not in ("auto", "cpu") and not (wanted in ("gpu", "cuda") and torch.cuda.is_available()):
        raise InputError(f"trainer.accelerator={wanted} is not here for evaluations; try trainer.accelerator=cpu")


def compute_alike_every_time(config: DictConfig) -> None:
    """Compute on a GPU in full float32, and the same bits from the same command, as on a CPU.

    TF32 alone would move a completeness residual to 3e-4. What has no deterministic algorithm there warns;
    `+trainer.deterministic=false` takes the fastest.
    """
    if device_of(config).type == "cuda":
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.use_deterministic_algorithms(config.trainer.get("deterministic") is not False, warn_only=True)


def machine(device: torch.device) -> str:
    """Return the machine's system, processor and threads, and the GPU where that is the device."""
    gpu = f", {torch.cuda.get_device_name()}" if device.type == "cuda" else ""
    threads = torch.get_num_threads()
    return f"{platform.system()} {processor()}, {threads} thread{'s' if threads > 1 else ''}{gpu}"


def processor() -> str:
    """Return the processor's own name where the system tells it, else its architecture."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()
