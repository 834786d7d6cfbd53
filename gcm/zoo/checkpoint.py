"""Lightning's checkpoints are read without executing anything."""

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gcm.error import InputError, shortened
from gcm.untrusted import check_archive, printable
from gcm.zoo.card import Card
from gcm.zoo.weight import check_weights, weights_hash

PREFIX = "network."
"""The network's place within the LightningModule, in a checkpoint's names."""


def read_checkpoint(path: Path) -> tuple[Card, dict[str, Tensor]]:
    """Read card and weights; raises `InputError` unless the file is one checkpoint of ours."""
    try:
        check_archive(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is refused below
            content = torch.load(path, map_location="cpu", weights_only=True)
        check_callbacks(content.get("callbacks", {}))
        weights = {
            name.removeprefix(PREFIX): tensor
            for name, tensor in content["state_dict"].items()
            if name.startswith(PREFIX)
        }
        check_weights(weights)
        card = Card.from_dict(
            {
                **content["gcm"],
                "epochs": content["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"],
                "steps": content["global_step"],
                "weights_sha256": weights_hash(weights),
            }
        )
    except Exception as error:  # torch.load fails in many ways on a file that is not a checkpoint
        reason = f": {error}" if isinstance(error, InputError) else f" ({type(error).__name__})"
        raise InputError(f"{path} is not a checkpoint of this project{shortened(printable(reason), 300)}") from None
    return card, weights


def check_callbacks(callbacks: Mapping[str, Any]) -> None:
    """Raise `InputError` where a training that goes on could be led outside its own directory.

    Lightning deletes the files that a checkpoint's `ModelCheckpoint` names as outdated.
    """
    for state in callbacks.values():
        directory = str(state.get("dirpath", ""))
        for path in map(str, paths_in(state)):
            if path and (Path(path).parent != Path(directory) or not path.endswith(".ckpt") or "://" in path):
                raise InputError(f"its callbacks name {shortened(path)}, which is no checkpoint beside it")


def paths_in(state: Mapping[str, Any]) -> Iterator[Any]:
    yield from (value for name, value in state.items() if name.endswith("_path"))
    yield from state.get("best_k_models", {})
