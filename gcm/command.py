"""The command that the program was started by, which its messages name, and the configs that it reads."""

import os
from pathlib import Path

PACKAGED = Path(__file__).with_name("configs")
CONFIGS = PACKAGED if PACKAGED.is_dir() else Path(__file__).parents[1] / "configs"
"""The configs: an installed package brings them; in a checkout they lie at its top."""
GCM, TRAIN_PY = "gcm", "python train.py"
COMMAND_VARIABLE = "GCM_COMMAND"
"""The variable that tells all processes of a command, and its help text, how it was started."""


def started_by(command: str) -> None:
    """Name `command` from now on, in this process and in those that it starts."""
    os.environ[COMMAND_VARIABLE] = command


def command_name() -> str:
    """Return `gcm` or `python train.py`: what was typed, or, where Python code uses the package, what could be."""
    return os.environ.get(COMMAND_VARIABLE) or (GCM if PACKAGED.is_dir() else TRAIN_PY)


def after_python() -> str:
    """Return what follows `python` or `torchrun` on a command line that starts the program."""
    return f"-m {GCM}" if command_name() == GCM else TRAIN_PY.removeprefix("python ")
