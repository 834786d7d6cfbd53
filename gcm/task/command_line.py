"""From the command line to a task, and from a mistake to one line."""

import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, open_dict
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from gcm.build import build, unknown_key
from gcm.error import InputError, listed
from gcm.plain import printable

USERS_MISTAKES = (InputError, HydraException, OmegaConfBaseException)

NO_MEMORY = ("can't allocate memory", "out of memory", "Storage size calculation overflowed")

failed_jobs: list[int] = []
"""The numbers of a sweep's jobs that failed so far."""

CONFIGS = Path(__file__).parents[2] / "configs"

NOT_OURS_TO_MEND = [
    r"Checkpoint directory .* exists and is not empty.*",  # it holds the run's config, or the run that is resumed
    r"The number of training batches .* is smaller than the logging interval.*",  # each epoch is logged anyway
    r".*does not have many workers.*",  # batches come from memory
    r".*`isinstance\(treespec, LeafSpec\)` is deprecated.*",  # Lightning calls what torch deprecates
]


def run(config: DictConfig) -> None:
    """Check every setting, then hand the config to its task. In a sweep a job that fails does not stop the others."""
    from gcm.task.run_directory import in_sweep
    from gcm.task.settings import check_config, chosen, refuse_unread

    for message in NOT_OURS_TO_MEND:
        warnings.filterwarnings("ignore", message=message)
    with open_dict(config):
        config.names = {group: chosen(group) for group in ("task", "data", "model")}
    with job_errors() if in_sweep() else one_line_errors():
        check_config(config)
        refuse_unread()
        build(config.task, config, key="task")


@contextmanager
def one_line_errors() -> Iterator[None]:
    """A user's mistake ends the program with one line and exit code 2; anything else is ours to mend."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # lets exceptions through to us
    try:
        yield
    except USERS_MISTAKES as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        sys.exit(2)
    except (ValueError, MemoryError, RuntimeError) as error:
        reason = known_reason(error)
        if not reason:
            raise
        print(f"error: {reason}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    if failed_jobs:
        print(f"error: {len(failed_jobs)} of the sweep's jobs failed: {listed(failed_jobs)}", file=sys.stderr)
        sys.exit(2)


def known_reason(error: Exception) -> str:
    """What libraries' errors say to a user, or an empty string."""
    message = str(error)
    if message.startswith("Config group override"):
        return "a group's choice cannot be null; python train.py --help shows the choices"
    if message.startswith("Exceeds the limit"):
        return "a number has more digits than can be read"
    if isinstance(error, MemoryError) or any(words in message for words in NO_MEMORY):
        return f"not enough memory ({' '.join(message.split())[:120]}); choose smaller images, batches or networks"
    return ""


@contextmanager
def job_errors() -> Iterator[None]:
    """Within a sweep: say what went wrong and remember it."""
    try:
        yield
    except Exception as error:
        number = HydraConfig.get().job.num
        failed_jobs.append(number)
        if isinstance(error, USERS_MISTAKES):
            print(f"error in job {number}: {one_line(error)}", file=sys.stderr)
        else:
            traceback.print_exc()


def one_line(error: BaseException) -> str:
    """What the user did wrong; nothing in it steers the terminal."""
    return printable(" ".join(told(error).split()))


def told(error: BaseException) -> str:
    cause = error.__cause__ or error
    if isinstance(error, MissingConfigException):
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        options = error.options or [path.stem for path in (CONFIGS / group).glob("*.yaml")]
        return f"no {name!r} in {group}; allowed: {listed(sorted(options))}"
    if isinstance(error, OverrideParseException):
        return f"{error.override!r} cannot be read: {str(error).partition('See https')[0]}"
    if isinstance(cause, ConfigAttributeError | ConfigKeyError) and isinstance(cause.parent_node, DictConfig):
        return str(unknown_key(str(cause.full_key), str(cause.key), map(str, cause.parent_node)))
    return str(error)
