"""Each command writes into a directory of its own, never one that holds something already."""

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from shutil import rmtree

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from gcm.atomic_write import is_partial, make_directory, reason
from gcm.cli.declaration import declarations
from gcm.cli.settings import overridden_keys
from gcm.cli.signals import Stopped
from gcm.command import command_name
from gcm.error import InputError
from gcm.launch import DIRECTORY_VARIABLE, is_first_process
from gcm.lock import locked
from gcm.zoo import SavedNetwork

BEGUN = ("config.yaml", "study.json")
"""Files, written first, that tell what was begun."""
LOCK = ".lock"
"""The file in a directory that says which process writes there."""


@contextmanager
def run_directory(config: DictConfig, *looked_at: SavedNetwork | str) -> Iterator[Path]:
    """Yield this run's directory: `output=`, a sweep's job directory, or `runs/<time>_<task>_<network>`.

    `looked_at`: the networks, or their names; none: the one that the config describes is trained.
    It is made on entry, and no other process has it meanwhile. If something is wrong or the program is stopped, and
    nothing came of it yet, it goes away again (but a sweep's stays, to show that the job has no result).
    """
    directory = made_directory(config, looked_at)
    os.environ[DIRECTORY_VARIABLE] = str(directory)
    ours = False
    try:
        with claimed(directory):
            if config.output is not None:
                check_new(directory, resumable=declarations()[config.names.task].resumable)
            ours = is_first_process()
            yield directory
    except (InputError, OSError):
        if ours and all(path.name in BEGUN for path in files_in(directory)):
            remove_unless_swept(directory)
        raise
    except Stopped as stop:
        stop.go_on = what_goes_on(config, directory)
        if ours and not files_in(directory):
            remove_unless_swept(directory)
        raise


def files_in(directory: Path) -> list[Path]:
    """Return all files that were written anywhere below a directory."""
    return [path for path in directory.rglob("*") if not path.is_dir()]


def remove_unless_swept(directory: Path) -> None:
    if not in_sweep():
        rmtree(directory, ignore_errors=True)


@contextmanager
def resumed_directory(config: DictConfig) -> Iterator[Path]:
    """Yield the run directory that `resume=` names; no other process can have it meanwhile."""
    directory = Path(config.resume).expanduser()
    try:
        with claimed(directory) if directory.is_dir() else nullcontext():
            yield directory
    except Stopped as stop:
        stop.go_on = what_goes_on(config, directory)
        raise


def what_goes_on(config: DictConfig, directory: Path) -> str:
    """Return the command that goes on with a stopped run; empty where there is nothing to go on with."""
    if in_sweep():
        return f"the same command with hydra.sweep.dir={HydraConfig.get().sweep.dir}"
    if declarations()[config.names.task].resumable and any((directory / name).is_file() for name in BEGUN):
        return f"{command_name()} {shlex.join([f'task={config.names.task}', f'resume={directory}'])}"
    inner = [path.parent for path in directory.glob("*/config.yaml") if not (path.parent / "result.json").is_file()]
    return f"{command_name()} {shlex.join(['task=train', f'resume={inner[0]}'])}" if inner else ""


@contextmanager
def claimed(directory: Path) -> Iterator[None]:
    """Let this process alone write to a directory; raises `InputError` if another one does."""

    def refuse(holder: str) -> None:
        raise InputError(f"{directory} is in use by {holder}; wait for its end, or name another directory")

    if not is_first_process():
        yield
        return
    with locked(directory / LOCK, when_taken=refuse):
        yield


def in_sweep() -> bool:
    """Return whether this is a job of a multirun."""
    return bool(HydraConfig.get().mode == RunMode.MULTIRUN)


def made_directory(config: DictConfig, looked_at: Sequence[SavedNetwork | str]) -> Path:
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
        return timestamped(f"{config.names.task}_{subject(config, looked_at)}")
    directory = Path(config.output).expanduser()
    make_directory(directory, parents=True)
    return directory


def subject(config: DictConfig, looked_at: Sequence[SavedNetwork | str]) -> str:
    """Return what a run is about: its networks, and the data where these are not their own."""
    if not looked_at:
        return f"{config.names.model}_{config.names.data}"
    names = [network if isinstance(network, str) else network.card.name for network in looked_at]
    first, *others = dict.fromkeys(re.sub("[^A-Za-z0-9_.-]+", "_", name)[:80] for name in names)
    about = "_".join([first, *others]) if len(others) <= 1 else f"{first}_and_{len(others)}_more"
    own = {network.card.data for network in looked_at if not isinstance(network, str)}
    elsewhere = "data" in overridden_keys() and own and config.names.data not in own
    return f"{about}_on_{config.names.data}" if elsewhere else about


def check_new(directory: Path, resumable: bool) -> None:
    if is_first_process() and any(path.name != LOCK and not is_partial(path) for path in directory.iterdir()):
        hint = f", or go on with resume={directory}" if resumable else ""
        raise InputError(f"output={directory} holds something already; name a new directory{hint}")


def timestamped(name: str) -> Path:
    """Make a new directory below `runs/`; two commands in one second get two."""
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
