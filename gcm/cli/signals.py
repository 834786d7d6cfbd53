"""SIGTERM and Ctrl-C: they stop the program where its files are whole, with one line and an exit code."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn, Self

SIGNALS = (signal.SIGTERM, signal.SIGINT)
Handler = Callable[[int, FrameType | None], Any] | int | None


class Stopped(BaseException):
    """The program was asked to stop. No error, so that nothing takes it for one.

    Attributes:
        signal_number: what asked; the exit code is 128 more.
        where: how far things are.
        go_on: what goes on from there; before anything is written the same command; empty: nothing can.
    """

    def __init__(self, signal_number: int, where: str = "stopped", go_on: str = "the same command") -> None:
        super().__init__(signal_number, where, go_on)
        self.signal_number, self.where, self.go_on = signal_number, where, go_on

    def __str__(self) -> str:
        return f"{self.where}; go on: {self.go_on}" if self.go_on else f"{self.where}; nothing to go on from"


@contextmanager
def signals_raise_stopped() -> Iterator[None]:
    """Let SIGTERM and Ctrl-C raise `Stopped` wherever the program is, even if a library makes an error of it."""
    raised: list[Stopped] = []

    def stop(signal_number: int, _: FrameType | None) -> None:
        raised.append(Stopped(signal_number))
        raise raised[-1]

    earlier = listen(stop)
    try:
        yield
    except Exception as error:
        if raised:
            raise raised[-1] from error
        raise
    finally:
        restore(earlier)


class StopRequest:
    """A stop request notes the first signal in `signal_number`: work goes on to a place where it can stop, and raises
    `Stopped`.

    Whoever will not wait sends a second one.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None

    @property
    def requested(self) -> bool:
        return self.signal_number is not None

    def __enter__(self) -> Self:
        self.earlier = self.listen()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        restore(self.earlier)
        if kind is None and self.signal_number is not None:
            raise Stopped(self.signal_number)

    def listen(self) -> dict[int, Handler]:
        """Take the signals' place from whatever took it since."""
        return listen(self.note)

    def end(self, where: str) -> NoReturn:
        """Raise `Stopped`, saying how far things are. Another process of a distributed run may have had the signal."""
        raise Stopped(self.signal_number or signal.SIGTERM, where)

    def note(self, signal_number: int, _: FrameType | None) -> None:
        if self.signal_number is not None:
            raise Stopped(signal_number)
        self.signal_number = signal_number


def listen(handler: Handler) -> dict[int, Handler]:
    """Send signals to `handler`, but not those that are ignored (`nohup`); return where they went before."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    heard = [number for number in SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    return {number: signal.signal(number, handler) for number in heard}


def restore(earlier: dict[int, Handler]) -> None:
    for number, handler in earlier.items():
        signal.signal(number, handler)
