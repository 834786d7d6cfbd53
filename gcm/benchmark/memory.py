"""Jobs are measured by the memory that they take, on Linux."""

import ctypes
from collections.abc import Callable
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
FORGET_PEAK = "5"
MMAP_THRESHOLD = -3  # of mallopt


def growth(job: Callable[[], object]) -> float:
    """Return by how much a job makes this process grow at its peak, in MiB.

    Memory that is freed is given back to the system at once from here on, and so is memory that was free before.
    """
    c_library = ctypes.CDLL(None)
    c_library.mallopt(MMAP_THRESHOLD, 64 * 1024)
    c_library.malloc_trim(0)
    before = mebibytes("VmRSS")
    CLEAR.write_text(FORGET_PEAK)
    job()
    return max(0.0, peak() - before)


def peak() -> float:
    """Return the most memory this process ever held, in MiB."""
    return mebibytes("VmHWM")


def mebibytes(name: str) -> float:
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024
