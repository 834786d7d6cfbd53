"""A study that can be gone on with: `study.json` of its run holds all that its numbers depend on but the images."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar, Self, TypeVar

from omegaconf import DictConfig
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from gcm.build import build, plain
from gcm.data import ImageData
from gcm.error import InputError, listed
from gcm.file import write_json
from gcm.task.settings import overridden_keys, with_overrides
from gcm.zoo import SavedNetwork, read_saved

CHANGEABLE_ON_RESUME = ("trainer.", "data.root")
FILE = "study.json"
SAVED_EVERY = 30.0
"""Seconds between two savings of work under way."""


@dataclass(frozen=True, kw_only=True)
class StoredStudy:
    """Attributes:
    weights, weights_sha256: the network's file, and the hash of the weights in it.
    data: the settings of its data.
    """

    task: ClassVar[str]
    weights: str
    weights_sha256: str
    data: dict[str, Any]

    @classmethod
    def of(cls, config: DictConfig, saved: SavedNetwork, **settings: Any) -> Self:
        """A new study of a network, with the settings of its own kind."""
        return cls(
            weights=str(saved.path.resolve()),
            weights_sha256=saved.card.weights_sha256,
            data=plain(with_overrides(saved.config, config, "data")),
            **settings,
        )

    @classmethod
    def read(cls, directory: Path) -> Self:
        try:
            return TypeAdapter(cls).validate_json((directory / FILE).read_text())
        except (OSError, ValidationError) as error:
            raise InputError(
                f"{directory} is no run directory of task={cls.task}: {FILE} cannot be read ({error})"
            ) from None

    def write(self, directory: Path) -> None:
        write_json(directory / FILE, asdict(self))


Study = TypeVar("Study", bound=StoredStudy)
State = TypeVar("State")


def resumed(kind: type[Study], config: DictConfig) -> tuple[Study, SavedNetwork, ImageData, Path]:
    """The study that `resume=` names, its network and data, and its directory.

    Raises `InputError` where the command line changes what the numbers depend on, or the network is another by now.
    """
    directory = Path(config.resume).expanduser()
    changes = [key for key in overridden_keys() if key not in ("task", "resume")]
    for key in changes:
        if not key.startswith(CHANGEABLE_ON_RESUME):
            raise InputError(f"{key} cannot change on resume; allowed: {listed(CHANGEABLE_ON_RESUME)}")
    study = kind.read(directory)
    saved = read_saved(study.weights)
    if saved.card.weights_sha256 != study.weights_sha256:
        raise InputError(f"{study.weights} has changed since {directory} was begun; start anew without resume=")
    root = {"root": config.data.root} if "data.root" in changes else {}
    return study, saved, build({**study.data, **root}, key="data"), directory


def hash_of(images: Tensor) -> str:
    """Tells whether a file of results is of these images."""
    return sha256(images.cpu().numpy().tobytes()).hexdigest()


def now_and_then(write: Callable[[State], object]) -> Callable[[State], None]:
    """Passes a state on to `write` when `SAVED_EVERY` seconds have gone by since it last did."""
    last = perf_counter()

    def maybe_write(state: State) -> None:
        nonlocal last
        if perf_counter() - last > SAVED_EVERY:
            write(state)
            last = perf_counter()

    return maybe_write
