"""One exception means that the user can mend the fault."""


class InputError(ValueError):
    """The input is bad: a setting, a file, a shape, a class that does not exist.

    The message is one line that names what, what is allowed, what was got, and what to do. The program prints it
    without a traceback and exits with code 2; in Python it is a `ValueError`. Characters that cannot be printed, such
    as a line break in the name of a file, are written as escapes.
    """

    def __init__(self, message: str) -> None:
        super().__init__("".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in message))


class DataNotFoundError(InputError):
    """A data set is not where it was looked for."""


def listed(names: object) -> str:
    """Return `a, b, c` for any iterable of names, for use in messages."""
    return ", ".join(str(name) for name in names)  # type: ignore[attr-defined]


def shortened(text: str, length: int = 120) -> str:
    """Return the first `length` characters of a text, for use in messages."""
    return text if len(text) <= length else text[:length] + "…"
