"""The command line leads to a task, and a mistake to one line."""

import errno
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from gcm.cli.console import console, say_notices
from gcm.cli.declaration import declarations, task_list
from gcm.cli.quoting import ambiguous, meant_as_text, unreadable
from gcm.cli.signals import Stopped, signals_raise_stopped
from gcm.command import CONFIGS, command_name
from gcm.error import InputError, listed
from gcm.instantiate import instantiate, unknown_key
from gcm.launch import refuse_torchrun
from gcm.untrusted import printable

USERS_MISTAKES = (InputError, HydraException, OmegaConfBaseException)
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""The words of an `OSError` for a disk that is full or read-only, whoever writes."""

NO_TRIALS = ("No trials are completed yet.", "Record does not exist.")
"""Optuna's words at the end of a search whose jobs all failed."""
NO_MEMORY = ("can't allocate memory", "out of memory", "Storage size calculation overflowed")
ALONE = ("Connection closed by peer", "Connection reset by peer")
"""The words that a process hears of a library whose distributed run has lost another one."""

until_the_end = ExitStack()
"""The resources that the program gives back when it ends."""

failed_jobs: list[str] = []
"""The jobs of a sweep that failed so far, by their directories' names."""

NOT_OURS_TO_MEND = [
    r"Checkpoint directory .* exists and is not empty.*",  # it holds the run's config, or the run that is resumed
    r"The number of training batches .* is smaller than the logging interval.*",  # each epoch is logged anyway
    r".*does not have many workers.*",  # batches come from memory
    r"You're resuming from a checkpoint that ended before the epoch ended.*",  # batches go on where it ended
    r"GPU available but not used.*",  # as trainer.accelerator=cpu asks
    r"TensorFloat32 tensor cores .* not enabled.*",  # full float32 is meant
    r"The given buffer is not writable.*",  # torch.export.load of PyTorch 2.11, which writes nothing there
    r".*`isinstance\(treespec, LeafSpec\)` is deprecated.*",  # Lightning calls what torch deprecates
]

OmegaConf.register_new_resolver("gcm.tasks", task_list)  # for the help in configs/train.yaml


def run(config: DictConfig) -> float | None:
    """Check every setting, then hand the config to its task.

    In a sweep a job that fails does not stop the others. Returns what a search goes by (`sweep=optuna`), where the task
    has such a thing and did not fail.
    """
    from gcm.cli.device import check_device, compute_alike_every_time
    from gcm.cli.run_directory import in_sweep
    from gcm.cli.settings import check_config, chosen, fix_root, refuse_added, refuse_unread

    say_notices()
    for message in NOT_OURS_TO_MEND:
        warnings.filterwarnings("ignore", message=message)
    with open_dict(config):
        config.names = {group: chosen(group) for group in ("task", "data", "model")}
    with job_errors() if in_sweep() else one_line_errors():
        check_config(config)
        refuse_added(config)
        refuse_unread(config)
        fix_root(config.data)
        declaration = declarations()[config.names.task]
        if not declaration.trains:
            check_device(config)
        if not declaration.parallel:
            refuse_torchrun(f"task={config.names.task}")
        compute_alike_every_time(config)
        objective: float | None = instantiate(config.task, config, key="task")
        return objective
    return None


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the program after a user's mistake with one line and exit code 2, after SIGTERM with one line and 143.

    Ctrl-C ends it with 130; anything else is ours to mend.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # lets exceptions through to us
    try:
        with signals_raise_stopped():
            yield
    except (*USERS_MISTAKES, OSError) as error:
        if not users_to_mend(error):
            raise
        print(f"error: {one_line(error)}", file=sys.stderr)
        sys.exit(2)
    except Stopped as stop:
        if console.quiet:  # the first of several processes speaks, and Lightning kills it when another's code is not 0
            sys.exit(0)
        print(stop, file=sys.stderr)
        sys.exit(128 + stop.signal_number)
    except (ValueError, MemoryError, RuntimeError) as error:
        if console.quiet and any(words in str(error) for words in ALONE):  # the first process says why
            sys.exit(1)
        reason = known_reason(error)
        if not reason and not (failed_jobs and str(error) in NO_TRIALS):  # the jobs' errors are said below
            raise
        if reason:
            print(f"error: {reason}", file=sys.stderr)
            sys.exit(2)
    if failed_jobs:
        print(f"error: {len(failed_jobs)} of the sweep's jobs failed: {listed(failed_jobs)}", file=sys.stderr)
        sys.exit(2)


def known_reason(error: Exception) -> str:
    """Return what libraries' errors say to a user, or an empty string."""
    message = str(error)
    if message.startswith("Config group override"):
        return f"a group's choice cannot be null; {command_name()} --help shows the choices"
    if any(words in message for words in ALONE):
        return "another process of this run has ended"
    if "returned nan values in its" in message:  # trainer.detect_anomaly
        return f"training diverged: {message}; start anew with a smaller optimizer.lr"
    if message.startswith("Exceeds the limit"):
        return "a number has more digits than can be read"
    if isinstance(error, MemoryError) or any(words in message for words in NO_MEMORY):
        return f"not enough memory ({' '.join(message.split())[:120]}); choose smaller images, batches or networks"
    return ""


@contextmanager
def job_errors() -> Iterator[None]:
    """Say within a sweep what went wrong, and remember it."""
    try:
        yield
    except Exception as error:
        name = Path(HydraConfig.get().runtime.output_dir).name
        failed_jobs.append(name)
        if users_to_mend(error):
            print(f"error in job {name}: {one_line(error)}", file=sys.stderr)
        else:
            traceback.print_exc()


def users_to_mend(error: BaseException) -> bool:
    return isinstance(error, USERS_MISTAKES) or (isinstance(error, OSError) and error.errno in DISK)


def one_line(error: BaseException) -> str:
    """Return what the user did wrong; nothing in it steers the terminal."""
    return printable(" ".join(told(error).split()))


def told(error: BaseException) -> str:
    cause = error.__cause__ or error
    if isinstance(error, OSError) and error.errno in DISK:
        return f"{error.filename or 'a file'} cannot be written: {error.strerror}"
    if isinstance(error, MissingConfigException):
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        options = error.options or [path.stem for path in (CONFIGS / group).glob("*.yaml")]
        return f"no {name!r} in {group}; allowed: {listed(sorted(options))}"
    if isinstance(error, OverrideParseException):
        word = str(error.override)
        return unreadable(word, sys.argv[1:]) or f"{word!r} cannot be read: {str(error).partition('See https')[0]}"
    if isinstance(cause, ConfigAttributeError | ConfigKeyError) and isinstance(cause.parent_node, DictConfig):
        from gcm.cli.settings import known_keys

        section, _, name = str(cause.full_key).partition(".")
        if section == "trainer":
            from gcm.training.trainer_setting import without_plus

            return str(without_plus(name))
        root = cause.parent_node._get_root()
        known = known_keys(root) if isinstance(root, DictConfig) else []
        return str(unknown_key(str(cause.full_key), str(cause.key), map(str, cause.parent_node), known))
    return ambiguous(str(error)) or str(error) + meant_as_text(str(error), sys.argv[1:])
