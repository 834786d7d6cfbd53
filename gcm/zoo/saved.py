"""A trained network on disk, read back without executing anything that a stranger may have put there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from gcm.build import build
from gcm.data import ImageData, ImageSpec
from gcm.error import InputError, listed
from gcm.model import Classifier

PREFIX = "network."
"""Where the network lies within the LightningModule, in a checkpoint's names."""


@dataclass(frozen=True)
class SavedNetwork:
    """What a checkpoint says of itself.

    Attributes:
        path: the checkpoint.
        config: the whole config of its training.
        spec: the images it was trained on.
        seed: of its training.
        epochs, steps: how long it was trained.
        versions: of Python and the libraries, by name.
        weights: the network's parameters and buffers.
    """

    path: Path
    config: DictConfig
    spec: ImageSpec
    seed: int
    epochs: int
    steps: int
    versions: Mapping[str, str]
    weights: Mapping[str, Tensor]

    @property
    def name(self) -> str:
        """`gcm_cifar10`: model and data set by their config names."""
        return f"{self.config.names.model}_{self.config.names.data}"

    def network(self) -> Classifier:
        """The network, in evaluation mode."""
        network: Classifier = build(self.config.model, self.spec, key="model")
        try:
            network.load_state_dict(dict(self.weights))
        except RuntimeError as error:
            raise InputError(
                f"{self.path} does not hold the weights its config describes: {' '.join(str(error).split())[:200]}"
            ) from None
        return network.eval()

    def data(self) -> ImageData:
        data: ImageData = build(self.config.data, key="data")
        return data


def read_saved(where: str | Path) -> SavedNetwork:
    """Read a checkpoint, or a run directory's best one (its last, if it had no validation images).

    Raises `InputError` where there is none, or where it is not one of ours.
    """
    path = find_checkpoint(Path(where).expanduser())
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        origin = content["gcm"]
        return SavedNetwork(
            path=path,
            config=OmegaConf.create(origin["config"]),
            spec=ImageSpec.from_dict(origin["spec"]),
            seed=origin["seed"],
            epochs=content["epoch"] + 1,
            steps=content["global_step"],
            versions=origin["versions"],
            weights={
                name.removeprefix(PREFIX): tensor
                for name, tensor in content["state_dict"].items()
                if name.startswith(PREFIX)
            },
        )
    except Exception:  # torch.load fails in many ways on a file that is not a checkpoint
        raise InputError(f"{path} is not a checkpoint of this project") from None


def find_checkpoint(where: Path) -> Path:
    if where.is_file():
        return where
    for name in ("best.ckpt", "last.ckpt"):
        if (where / name).is_file():
            return where / name
    if not where.is_dir():
        raise InputError(f"weights={where}: no such run directory or checkpoint")
    inner = sorted({str(path.parent) for name in ("best.ckpt", "last.ckpt") for path in where.glob(f"*/{name}")})
    hint = f"name one of those below it: {listed(inner)}" if inner else "train one first: python train.py task=train"
    raise InputError(f"{where} holds no best.ckpt or last.ckpt; {hint}")
