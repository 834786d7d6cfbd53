"""A trained network is read from disk without executing anything that a stranger may have put there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from gcm.command import command_name
from gcm.error import InputError, listed
from gcm.instantiate import instantiate, plain
from gcm.model import Classifier
from gcm.zoo.card import Card
from gcm.zoo.catalogue import shipped_file, shipped_names, suggestion
from gcm.zoo.checkpoint import read_checkpoint
from gcm.zoo.weight import check_same_shapes
from gcm.zoo.weights_file import SUFFIX, read_weights


@dataclass(frozen=True)
class SavedNetwork:
    """A saved network is weights and their card.

    Attributes:
        path: the checkpoint or weights file.
        card: the account of where they come from.
        weights: the network's parameters and buffers by name.

    >>> import gcm
    >>> saved = gcm.zoo.read_saved("gcm_digits")
    >>> saved.path.name, saved.card.name
    ('gcm_digits.safetensors', 'gcm_digits')
    """

    path: Path
    card: Card
    weights: Mapping[str, Tensor]

    @property
    def config(self) -> DictConfig:
        """A copy of the training's config, free to change."""
        config: DictConfig = OmegaConf.create(dict(self.card.config))
        return config

    def network(self) -> Classifier:
        """Build the network in evaluation mode, with its card.

        It takes no memory before its weights are known to be as many as the file holds. Raises `InputError` where they
        are not those that the config describes.
        """
        model = {name: value for name, value in plain(self.config.model).items() if name != "pretrained"}
        with torch.device("meta"):
            described: Classifier = instantiate(model, self.card.spec, key="model")
        try:
            check_same_shapes(self.weights, described.state_dict())
        except InputError as error:
            raise InputError(f"{self.path} does not hold the weights its config describes: {error}") from None
        network: Classifier = instantiate(model, self.card.spec, key="model")
        network.load_state_dict(dict(self.weights))
        network.card = self.card
        return network.eval()


def load(where: str | Path) -> Classifier:
    """Load a trained network, ready to use.

    `where` is a shipped network's name (`gcm.list_models()`), a run directory, a checkpoint or a weights file. The
    network is in evaluation mode, checks the shape and type of the images it is given, and says in `.card` where it
    comes from. Raises `InputError` for a name that is unknown and for a file that is damaged or not ours.

    >>> import gcm
    >>> network = gcm.load("gcm_digits")
    >>> network.spec.shape, network.training
    ((1, 32, 32), False)
    """
    return read_saved(where).network()


def read_saved(where: str | Path) -> SavedNetwork:
    """Read a shipped network by name, a weights file, a checkpoint, or a run directory.

    Of a run directory it reads the best network, or the last if there were no validation images. Raises `InputError`
    where there is none, or where it is not one of ours.

    >>> import gcm
    >>> saved = gcm.zoo.read_saved("cnn_digits")
    >>> len(saved.weights) > 0, saved.config.model["_target_"]
    (True, 'gcm.model.CNN')
    """
    try:
        path = shipped_file(str(where)) if is_shipped(where) else find_checkpoint(Path(where).expanduser())
    except (OSError, RuntimeError) as error:  # a name too long, an unknown user's home, a directory closed to us
        raise InputError(f"{str(where)[:80]} cannot be read: {error}") from None
    return SavedNetwork(path, *(read_weights(path) if path.suffix == SUFFIX else read_checkpoint(path)))


def is_shipped(where: str | Path) -> bool:
    """Return whether a shipped network is meant.

    Raises `InputError` where a file has the same name, since either could be meant.
    """
    if str(where) not in shipped_names():
        return False
    if Path(where).exists():
        raise InputError(
            f"{where} is a shipped network and also a path here; write {Path(where).absolute()} for the path"
        )
    return True


def find_checkpoint(where: Path) -> Path:
    if where.is_file():
        return where
    for name in ("best.ckpt", "last.ckpt"):
        if (where / name).is_file():
            return where / name
    if not where.is_dir():
        raise InputError(f"{where}: no such run directory, checkpoint or shipped network; {suggestion(where.name)}")
    inner = sorted({str(path.parent) for name in ("best.ckpt", "last.ckpt") for path in where.glob(f"*/{name}")})
    hint = f"name one of those below it: {listed(inner)}" if inner else f"train one first: {command_name()} task=train"
    raise InputError(f"{where} holds no best.ckpt or last.ckpt; {hint}")
