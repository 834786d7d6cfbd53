"""What a new process can do without importing more than this."""

import os
import signal
import time
from pathlib import Path

from gcm.benchmark.memory import growth


def growth_by_a_hundred_mebibytes() -> float:
    return growth(lambda: b"x" * (100 * 2**20))


def growth_by_blocks_where_others_were() -> float:
    """Sixty mebibytes, every other one freed, then thirty in blocks too large for the gaps."""
    large = b"x" * (30 * 2**20)
    del large  # from here on the C library would keep such blocks
    return growth(fill_free_and_fill)


def fill_free_and_fill() -> None:
    blocks = [b"x" * 2**20 for _ in range(60)]
    del blocks[::2]
    blocks += [b"x" * (3 * 2**19) for _ in range(20)]


def refused() -> None:
    raise ValueError("there is no GPU")


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sleeping(path: Path) -> None:
    path.write_text(str(os.getpid()))
    time.sleep(600)
