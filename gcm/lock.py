"""Lock files: one process at a time holds them, and the system gives them back when it ends, however it ends."""

import errno
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gcm.atomic_write import reason
from gcm.error import InputError

LOG = logging.getLogger(__name__)
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
NAME_AT = 1
"""The place of the holder's name in a lock file: on Windows nobody else can read the first byte, which is locked."""
PAUSE = 0.02
"""Seconds between two looks whether the lock is free by now."""


@contextmanager
def locked(path: Path, when_taken: Callable[[str], object]) -> Iterator[None]:
    """Hold the lock file `path`, which is gone afterwards; one that a killed process left does not matter.

    If another process holds it, `when_taken` is told which: it raises an error, or returns, and this process waits. On
    POSIX systems the lock is flock(2), which Linux passes on to an NFS server, so that it holds between machines too;
    when one breaks down, the server gives its locks back after a minute or two. On Windows it is LockFileEx. On a file
    system without locks nothing is held, which is said. A directory that is not there is made. Raises `InputError`
    where it cannot be written to.
    """
    try:
        descriptor = acquired(path, when_taken)
    except OSError as error:
        raise InputError(f"{path.parent} cannot be written to: {reason(error, path.parent)}") from error
    try:
        with suppress(OSError):  # on a full disk the lock holds, too
            os.truncate(descriptor, 0)
            os.write(descriptor, b" " * NAME_AT + f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield
    finally:
        release(path, descriptor)


def acquired(path: Path, when_taken: Callable[[str], object]) -> int:
    """Return a descriptor of the lock file, with the lock; whoever waits is told of the first holder alone."""
    holders: list[str] = []

    def tell_once(holder: str) -> None:
        if not holders:
            when_taken(holder)
        holders.append(holder)

    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            lock(descriptor, tell_once)
        except BaseException:
            os.close(descriptor)
            raise
        if is_at(path, descriptor):
            return descriptor
        os.close(descriptor)  # its holder took it away when it was done


def lock(descriptor: int, when_taken: Callable[[str], object]) -> None:
    """Take the lock, if need be after a while."""
    from filelock import lock_descriptor

    try:
        if not lock_descriptor(descriptor, blocking=False):
            when_taken(holder_of(descriptor) or "another process")
            lock_descriptor(descriptor, poll_interval=PAUSE)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        LOG.warning("this file system has no locks: see to it that no other process writes to the same directory")


def holder_of(descriptor: int) -> str:
    """Return what the holder wrote of itself; nothing if it has not done so yet.

    The file's position is at 0 afterwards.
    """
    os.lseek(descriptor, NAME_AT, os.SEEK_SET)
    name = os.read(descriptor, 300).decode()
    os.lseek(descriptor, 0, os.SEEK_SET)
    return name


def is_at(path: Path, descriptor: int) -> bool:
    """Return whether the open file is the one of that name."""
    with suppress(OSError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False


def release(path: Path, descriptor: int) -> None:
    """Delete the lock file while it is locked, so that no other holder's is deleted; on Windows open files stay."""
    if is_at(path, descriptor):
        with suppress(OSError):
            path.unlink()
    os.close(descriptor)
    if os.name == "nt":
        with suppress(OSError):  # another process has it open
            path.unlink()
