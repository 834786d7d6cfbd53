"""A study that can be gone on with: `study.json` of its run holds all that its numbers depend on but the images."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar, Self, TypeVar
from zipfile import BadZipFile

import numpy as np
from omegaconf import DictConfig
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from gcm.atomic_write import remove_partial_files, write_json, write_whole
from gcm.cli.image_data import image_data
from gcm.cli.named_networks import check_fits
from gcm.cli.settings import absolute, only_read, overridden_keys, with_overrides
from gcm.data import ImageData
from gcm.error import InputError, listed
from gcm.instantiate import plain
from gcm.untrusted import check_archive, check_plain
from gcm.zoo import SavedNetwork, read_saved

CHANGEABLE_ON_RESUME = ("trainer.", "data.root")
FILE = "study.json"
SAVED_EVERY = 30.0
"""Seconds between two savings of work under way."""


@dataclass(frozen=True, kw_only=True)
class StoredStudy:
    """A study that can be resumed.

    Attributes:
        weights, weights_sha256: the networks' files, and the hashes of the weights in them.
        data: the settings of their data.
    """

    task: ClassVar[str]
    weights: list[str]
    weights_sha256: list[str]
    data: dict[str, Any]

    @classmethod
    def of(cls, config: DictConfig, *networks: SavedNetwork, **settings: Any) -> Self:
        """Return a new study of networks, with the settings of its own kind."""
        return cls(
            weights=[str(saved.path.resolve()) for saved in networks],
            weights_sha256=[saved.card.weights_sha256 for saved in networks],
            data=with_absolute_root(plain(with_overrides(networks[0].config, config, "data"))),
            **settings,
        )

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read a study; raises `InputError` for other files, and for one whose names could be paths."""
        try:
            study = TypeAdapter(cls).validate_json((directory / FILE).read_bytes())
            check_plain(asdict(study), FILE)
        except InputError as error:
            reason = str(error)
        except ValidationError as error:
            reason = f"wrong or missing: {listed('.'.join(map(str, detail['loc'])) for detail in error.errors())}"
        except OSError as error:
            reason = str(error)
        else:
            return study
        raise InputError(f"{directory} is no run directory of task={cls.task}: {FILE} cannot be read ({reason})")

    def write(self, directory: Path) -> None:
        write_json(directory / FILE, asdict(self))


def with_absolute_root(data: Mapping[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {name: with_absolute_root(part) if name == "of" else part for name, part in data.items()}
    return {**settings, "root": absolute(settings["root"])} if settings.get("root") else settings


Study = TypeVar("Study", bound=StoredStudy)
State = TypeVar("State")


def resumed(kind: type[Study], config: DictConfig, directory: Path) -> tuple[Study, list[SavedNetwork], ImageData]:
    """Return the study that was begun in a directory, its networks and data.

    Raises `InputError` where the command line changes what the numbers depend on, or a network is another by now.
    """
    changes = [key for key in overridden_keys() if key not in ("task", "resume")]
    for key in changes:
        if not key.startswith(CHANGEABLE_ON_RESUME):
            raise InputError(f"{key} cannot change on resume; allowed: {listed(CHANGEABLE_ON_RESUME)}")
    study = kind.read(directory)
    networks = [read_saved(path) for path in study.weights]
    if [saved.card.weights_sha256 for saved in networks] != study.weights_sha256:
        raise InputError(f"{listed(study.weights)} changed since {directory} was begun; start anew without resume=")
    root = {"root": config.data.root} if "data.root" in changes else {}
    data = image_data(only_read({**study.data, **root}, config))
    for saved in networks:
        check_fits(saved, data)
    remove_partial_files(directory)
    return study, networks, data


def write_arrays(path: Path, arrays: Mapping[str, Any], images: Tensor) -> None:
    """Write arrays as an npz file that belongs to these images."""
    hashed = np.asarray(hash_of(images))
    write_whole(path, lambda partial: np.savez(partial, allow_pickle=False, images_sha256=hashed, **arrays))


def read_arrays(path: Path, images: Tensor, what: str) -> dict[str, Any]:
    """Read what `write_arrays` wrote.

    Raises `InputError` for other files and other images; `what` would start anew.
    """
    try:
        check_archive(path)
        with np.load(path, allow_pickle=False) as values:
            arrays = dict(values)
            same_images = str(arrays.pop("images_sha256")) == hash_of(images)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, MemoryError, BadZipFile) as error:
        raise InputError(f"{path} cannot be read ({error}); delete it, and {what} anew") from None
    if not same_images:
        raise InputError(f"{path} is of other images; delete it, and {what} anew")
    return arrays


def hash_of(images: Tensor) -> str:
    return sha256(images.cpu().numpy().tobytes()).hexdigest()


def now_and_then(write: Callable[[State], object]) -> Callable[[State], None]:
    """Pass a state on to `write` when `SAVED_EVERY` seconds have gone by since it last did."""
    last = perf_counter()

    def maybe_write(state: State) -> None:
        nonlocal last
        if perf_counter() - last > SAVED_EVERY:
            write(state)
            last = perf_counter()

    return maybe_write
