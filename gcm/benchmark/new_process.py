"""Jobs run in processes where nothing was done before."""

import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

Found = TypeVar("Found")


def in_new_process(function: Callable[..., Found], *arguments: Any) -> Found:
    """Return what a function of a module returns, or raise what it raises; the process ends with the call, however that
    ends.
    """
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=answer, args=(sender, function, arguments))
    process.start()
    sender.close()
    try:
        found, error = receiver.recv()
        process.join()
    except EOFError:
        process.join()
        raise RuntimeError(f"the process of {function.__name__} ended with code {process.exitcode}") from None
    except BaseException:
        process.terminate()
        process.join()
        raise
    if error is not None:
        raise error
    result: Found = found
    return result


def answer(sender: Connection, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first process, which ends the others
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends its own processes, too
    try:
        sender.send((function(*arguments), None))
    except Exception as error:
        sender.send((None, error))
