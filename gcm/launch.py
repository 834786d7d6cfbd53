"""Processes that torchrun started wait for the first of them until it needs them."""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from gcm.command import after_python, command_name
from gcm.error import InputError

STARTED_BY_TORCHRUN = "TORCHELASTIC_RUN_ID"
DIRECTORY_VARIABLE = "GCM_RUN_DIRECTORY"
"""The variable that tells the other processes of a distributed run where the first of them writes."""
WORD, ARRIVED = "gcm/word", "gcm/arrived"
"""The keys under which the first process says how things stand, and all count themselves."""
WORK, END = "work in ", "end"
"""The first process's words: that the others are needed, or that they are not."""
PAUSE = 0.02
"""Seconds between two looks, so that a signal is heard at once: a process that waits in a library hears none."""


def launched_processes() -> int:
    """Return how many processes torchrun started on all machines; 1: this one is alone, or starts the others itself."""
    return int(os.environ["WORLD_SIZE"]) if STARTED_BY_TORCHRUN in os.environ else 1


def is_first_process() -> bool:
    """Return whether this is the first process of a distributed run, by whomever it was started."""
    return int(os.environ["RANK"] if launched_processes() > 1 else os.environ.get("LOCAL_RANK", 0)) == 0


def refuse_torchrun(what: str) -> None:
    """Raise `InputError` where torchrun started several processes for work that takes one; `what` names the work."""
    if launched_processes() > 1:
        raise InputError(f"{what} works in one process; start it with {command_name()}, not with torchrun")


def for_launched(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a trainer's settings with as many devices as torchrun started processes, where nothing else is said.

    Raises `InputError` where something else is.
    """
    if launched_processes() == 1:
        if settings.get("num_nodes", 1) > 1:
            raise InputError(
                f"trainer.num_nodes needs torchrun on each machine: torchrun --nnodes=… {after_python()} …"
            )
        return dict(settings)
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    devices, nodes = settings.get("devices", "auto"), launched_processes() // here
    wanted = here if devices in ("auto", -1) else len(devices) if isinstance(devices, list) else devices
    if wanted != here or settings.get("num_nodes", 1) not in (1, nodes):
        raise InputError(
            f"torchrun started {here} processes on each of {nodes} machines; got trainer.devices={devices}, "
            f"trainer.num_nodes={settings.get('num_nodes', 1)}"
        )
    strategy = settings.get("strategy", "auto")
    return {
        **settings,
        "devices": devices if isinstance(devices, list) else here,
        "num_nodes": nodes,
        "strategy": "ddp" if strategy == "auto" else strategy,
    }


@contextmanager
def first_alone() -> Iterator[None]:
    """Let the first of torchrun's processes work alone within the block, so that only one says what is wrong with a
    command.

    The others wait for `start_together`; they end where the first ends before that.
    """
    if launched_processes() == 1:
        yield
    elif is_first_process():
        try:
            yield
        finally:
            if not store().check([WORD]):
                store().set(WORD, END)
    else:
        while not store().check([WORD]):
            time.sleep(PAUSE)
        word = store().get(WORD).decode()
        if word == END:
            sys.exit(0)
        os.environ[DIRECTORY_VARIABLE] = word.removeprefix(WORK)
        yield


@cache
def start_together() -> None:
    """Wait until all processes that torchrun started are here: the work begins that they share."""
    if launched_processes() == 1:
        return
    if is_first_process():
        store().set(WORD, WORK + os.environ.get(DIRECTORY_VARIABLE, ""))
    store().add(ARRIVED, 1)
    while store().add(ARRIVED, 0) < launched_processes():
        time.sleep(PAUSE)


@cache
def store() -> Any:
    """Return the store that all processes read and write; it is torchrun's, by the variables that it sets."""
    from torch.distributed.rendezvous import rendezvous

    found, _, _ = next(rendezvous("env://"))
    return found
