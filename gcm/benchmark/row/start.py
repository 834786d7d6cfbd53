"""A start is the time that one waits before anything happens."""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from gcm.benchmark.base import Amount, Comparison, at_most, timed
from gcm.benchmark.setting import Setting
from gcm.command import command_name


def start(setting: Setting) -> Iterator[Comparison]:
    torch = python("-c", "import torch")
    against = "python -c 'import torch'"
    yield Comparison(f"{command_name()} --help", against, python("-m", "gcm", "--help"), torch, at_most(2.5))
    yield Comparison("python -c 'import gcm'", against, python("-c", "import gcm"), torch, at_most(1.5))
    everything = python("-c", "import gcm; gcm.load, gcm.visualizer, gcm.metric")
    yield Comparison("import of gcm's parts", against, everything, torch, None)


def python(*words: str) -> Amount:
    return timed(partial(subprocess.run, [sys.executable, *words], check=True, stdout=subprocess.DEVNULL))
