"""Where a command writes: a directory of its own, never one that holds something already."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from gcm.error import InputError
from gcm.file import make_directory, reason, remove_if_empty
from gcm.lock import locked

RESUMABLE = ("train", "regions", "noise_mask", "faithfulness")
"""Tasks that `resume=` goes on with."""
DIRECTORY_VARIABLE = "GCM_RUN_DIRECTORY"
"""Tells the processes that a distributed training starts where the first of them writes."""
LOCK = ".lock"
"""The file in a directory that says which process writes there."""


@contextmanager
def run_directory(config: DictConfig) -> Iterator[Path]:
    """This run's directory: `output=`, a sweep's job directory, or `runs/<time>_<task>_<model>_<data>`.

    It is made on entry, and no other process can have it meanwhile; if something is wrong and nothing was written yet,
    it goes away again (but a sweep's stays, to show that the job has no result).
    """
    directory = made_directory(config)
    os.environ[DIRECTORY_VARIABLE] = str(directory)
    ours = False
    try:
        with claimed(directory):
            if config.output is not None:
                check_new(directory, resumable=config.names.task in RESUMABLE)
            ours = True
            yield directory
    except (InputError, OSError):
        if ours and not in_sweep():
            remove_if_empty(directory)
        raise


@contextmanager
def claimed_to_resume(config: DictConfig) -> Iterator[None]:
    """What `resume=` names, if it is there, is this process's alone meanwhile."""
    directory = Path(config.resume or "").expanduser()
    if config.resume is None or not directory.is_dir():
        yield
        return
    with claimed(directory):
        yield


@contextmanager
def claimed(directory: Path) -> Iterator[None]:
    """This process alone writes to a directory. Raises `InputError` if another one does."""

    def refuse(holder: str) -> None:
        raise InputError(f"{directory} is in use by {holder}; wait for its end, or name another directory")

    if not is_first_process():
        yield
        return
    with locked(directory / LOCK, when_taken=refuse):
        yield


def in_sweep() -> bool:
    """Whether this is a job of a multirun."""
    return bool(HydraConfig.get().mode == RunMode.MULTIRUN)


def is_first_process() -> bool:
    """Of a distributed run."""
    return int(os.environ.get("LOCAL_RANK", 0)) == 0


def made_directory(config: DictConfig) -> Path:
    if not is_first_process():
        return Path(os.environ[DIRECTORY_VARIABLE])
    if in_sweep():
        if config.output is not None:
            raise InputError(
                "output= is for one command; a sweep (-m) makes a directory for each job: hydra.sweep.dir="
            )
        directory = Path(HydraConfig.get().runtime.output_dir)
        make_directory(directory, parents=True)
        return directory
    if config.output is None:
        return timestamped(f"{config.names.task}_{config.names.model}_{config.names.data}")
    directory = Path(config.output).expanduser()
    make_directory(directory, parents=True)
    return directory


def check_new(directory: Path, resumable: bool) -> None:
    if is_first_process() and any(path.name != LOCK for path in directory.iterdir()):
        hint = f", or go on with resume={directory}" if resumable else ""
        raise InputError(f"output={directory} holds something already; name a new directory{hint}")


def timestamped(name: str) -> Path:
    """A new directory below `runs/`; two commands in one second get two."""
    stem = f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{name}"
    for attempt in range(1000):
        directory = Path("runs") / (f"{stem}_{attempt}" if attempt else stem)
        try:
            directory.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(f"{directory} cannot be made: {reason(error, Path())}; set output=") from error
        return directory
    raise InputError(f"a thousand directories {stem} exist; set output=")
