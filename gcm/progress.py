"""Work that takes long is watched by whoever calls, and by nobody unless that is wanted."""

from collections.abc import Iterable
from typing import TypeVar

Item = TypeVar("Item")


class Progress:
    """Watches work that goes item by item. This one shows nothing; a subclass may show a bar.

    Functions that take long have one as the argument `progress`. Other messages, in words, go to the standard library's
    log, to loggers below `gcm`.
    """

    def over(self, items: Iterable[Item], what: str, total: int) -> Iterable[Item]:
        """Return the items to go through; `what` says what is done with each, `total` how many there are."""
        return items

    def of(self, name: str) -> "Progress":
        """Return the same for the work on one network or run of this name."""
        return self


SILENT = Progress()
