"""The catalogue lists the networks that come with the package, by name."""

import difflib
import hashlib
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from gcm.error import InputError, listed
from gcm.zoo.card import Card
from gcm.zoo.weights_file import SUFFIX, read_card

DIRECTORY = Path(__file__).with_name("weights")
SUMS = "SHA256SUMS"
"""The file of the checksums of all weights files of a directory, in the format of the program `sha256sum`."""


@cache
def cards(directory: Path = DIRECTORY) -> dict[str, Card]:
    """Return the cards of all shipped networks by name; the weights stay unread.

    >>> import gcm
    >>> gcm.zoo.cards()["gcm_mnist"].spec.shape
    (1, 28, 28)
    """
    return {name: read_card(directory / f"{name}{SUFFIX}") for name in shipped_names(directory)}


def shipped_names(directory: Path = DIRECTORY) -> list[str]:
    return sorted(Path(name).stem for name in checksums(directory))


def list_models(
    pattern: str = "*",
    *,
    data: str | None = None,
    architecture: str | None = None,
    complete: bool | None = None,
    signed: bool | None = None,
) -> list[str]:
    """List the names of the shipped networks, for `gcm.load`.

    Args:
        pattern: pattern of the name, `gcm*`.
        data: only those trained on this data set, `cifar10`.
        architecture: only this model, `gcm_clipped`.
        complete: whether the network accounts for its scores itself, and its maps add up to them.
        signed: whether its own maps can be negative: speak against a class.

    Raises `InputError` for a data set or an architecture of which there is no network.

    >>> import gcm
    >>> gcm.list_models("gcm*", data="cifar10")
    ['gcm_cifar10', 'gcm_clipped_cifar10']
    """
    known = cards()
    check_known("data", data, {card.data for card in known.values()})
    check_known("architecture", architecture, {card.architecture for card in known.values()})
    wanted = {"data": data, "architecture": architecture, "complete": complete, "signed": signed}
    return [
        name
        for name, card in known.items()
        if fnmatch(name, pattern)
        and all(value is None or getattr(card, field) == value for field, value in wanted.items())
    ]


def check_known(filter_name: str, value: str | None, known: set[str]) -> None:
    if value is not None and value not in known:
        raise InputError(f"no shipped network has {filter_name}={value!r}; there are {listed(sorted(known))}")


def shipped_file(name: str, directory: Path = DIRECTORY) -> Path:
    """Return the weights file of a shipped network, its checksum verified.

    Raises `InputError` for an unknown name and for a file that is not the published one.
    """
    path = directory / f"{name}{SUFFIX}"
    published = checksums(directory).get(path.name)
    if published is None or not path.is_file():
        raise InputError(f"no shipped network {name!r}; {suggestion(name)}")
    found = file_hash(path)
    if found != published:
        raise InputError(
            f"{path} is not the file that was published (SHA-256 {found[:12]}…, expected {published[:12]}…); "
            "install gcm again"
        )
    return path


def suggestion(name: str) -> str:
    """Return a hint that names the shipped networks with the nearest names, or all of them."""
    close = difflib.get_close_matches(name, shipped_names(), n=3)
    return f"did you mean {listed(close)}?" if close else f"there are {listed(shipped_names())}"


def checksums(directory: Path) -> dict[str, str]:
    """Return the checksums in `SHA256SUMS`, by file name."""
    path = directory / SUMS
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}


def sums_text(directory: Path) -> str:
    """Return what `SHA256SUMS` must say of the weights files in a directory."""
    files = sorted(path for path in directory.glob(f"*{SUFFIX}") if not path.name.startswith("."))
    return "".join(f"{file_hash(path)}  {path.name}\n" for path in files)


def file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
