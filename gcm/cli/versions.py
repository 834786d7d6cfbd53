"""Numbers depend on the versions of these libraries."""

import platform
from importlib.metadata import version

LIBRARIES = ("gcm", "torch", "torchvision", "pytorch-lightning", "numpy")


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{library: version(library) for library in LIBRARIES}}


def versions_now() -> str:
    return ", ".join(f"{name} {number}" for name, number in versions().items())
