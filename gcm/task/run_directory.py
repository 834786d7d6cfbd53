"""Where a command writes: a directory of its own, never one that holds something already."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from shutil import rmtree

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from gcm.error import InputError
from gcm.file import is_partial
from gcm.stopping import Stopped

RESUMABLE = ("all", "train", "regions", "noise_mask", "faithfulness")
"""Tasks that `resume=` goes on with."""
BEGUN = ("config.yaml", "study.json")
"""Files, written first, that tell what was begun."""
DIRECTORY_VARIABLE = "GCM_RUN_DIRECTORY"
"""Tells the processes that a distributed training starts where the first of them writes."""


@contextmanager
def run_directory(config: DictConfig) -> Iterator[Path]:
    """This run's directory: `output=`, a sweep's job directory, or `runs/<time>_<task>_<model>_<data>`.

    It is made on entry; if the user made a mistake or stopped the program, and nothing came of it yet, it goes away
    again (but a sweep's stays, to show that the job has no result).
    """
    directory = made_directory(config)
    os.environ[DIRECTORY_VARIABLE] = str(directory)
    try:
        yield directory
    except InputError:
        if all(path.name in BEGUN for path in directory.iterdir()):
            remove_unless_swept(directory)
        raise
    except Stopped as stop:
        stop.go_on = what_goes_on(config, directory)
        if not any(directory.iterdir()):
            remove_unless_swept(directory)
        raise


def remove_unless_swept(directory: Path) -> None:
    if not in_sweep():
        rmtree(directory)


@contextmanager
def resumed_directory(config: DictConfig) -> Iterator[Path]:
    """The run directory that `resume=` names."""
    directory = Path(config.resume).expanduser()
    try:
        yield directory
    except Stopped as stop:
        stop.go_on = what_goes_on(config, directory)
        raise


def what_goes_on(config: DictConfig, directory: Path) -> str:
    """The command that goes on with a stopped run; empty where there is nothing to go on with."""
    if in_sweep():
        return f"the same command with hydra.sweep.dir={HydraConfig.get().sweep.dir}"
    if config.names.task in RESUMABLE and any((directory / name).is_file() for name in BEGUN):
        return f"python train.py {shlex.join([f'task={config.names.task}', f'resume={directory}'])}"
    inner = [path.parent for path in directory.glob("*/config.yaml") if not (path.parent / "result.json").is_file()]
    return f"python train.py {shlex.join(['task=train', f'resume={inner[0]}'])}" if inner else ""


def in_sweep() -> bool:
    """Whether this is a job of a multirun."""
    return bool(HydraConfig.get().mode == RunMode.MULTIRUN)


def made_directory(config: DictConfig) -> Path:
    if int(os.environ.get("LOCAL_RANK", 0)) > 0:
        return Path(os.environ[DIRECTORY_VARIABLE])
    if in_sweep():
        if config.output is not None:
            raise InputError(
                "output= is for one command; a sweep (-m) makes a directory for each job: hydra.sweep.dir="
            )
        directory = Path(HydraConfig.get().runtime.output_dir)
        directory.mkdir(parents=True, exist_ok=True)
        return directory
    if config.output is None:
        return timestamped(f"{config.names.task}_{config.names.model}_{config.names.data}")
    make_new(
        Path(config.output).expanduser(),
        resumable=config.names.task in RESUMABLE,
    )
    return Path(config.output).expanduser()


def make_new(directory: Path, resumable: bool) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output={directory} cannot be made: {error.strerror}") from None
    if any(not is_partial(path) for path in directory.iterdir()):
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
            raise InputError(f"{directory} cannot be made: {error.strerror}; set output=") from None
        return directory
    raise InputError(f"a thousand directories {stem} exist; set output=")
