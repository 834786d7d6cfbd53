"""What a new process can do without importing more than this."""

import os
import signal
import time
from pathlib import Path

from gcm.benchmark.memory import growth


def growth_by_a_hundred_mebibytes() -> float:
    return growth(lambda: b"x" * (100 * 2**20))


def refused() -> None:
    raise ValueError("there is no GPU")


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sleeping(path: Path) -> None:
    path.write_text(str(os.getpid()))
    time.sleep(600)
