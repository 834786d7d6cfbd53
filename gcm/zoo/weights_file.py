"""Weights and card in one safetensors file: nothing in it is ever executed."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gcm.error import InputError
from gcm.file import write_bytes
from gcm.zoo.card import Card

SUFFIX = ".safetensors"


def weights_hash(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 over every tensor's name, type, shape and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def write_weights(path: Path, weights: Mapping[str, Tensor], card: Card) -> None:
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    metadata = {"format": "pt", "card": json.dumps(card.to_dict())}
    content = save(tensors, metadata)
    write_bytes(path, content)


def read_card(path: Path) -> Card:
    """The card in a weights file's header; the weights stay unread."""
    try:
        with safe_open(path, "numpy") as opened:
            return Card.from_dict(json.loads(opened.metadata()["card"]))
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise not_a_weights_file(path, error) from None


def read_weights(path: Path) -> tuple[Card, dict[str, Tensor]]:
    """Card and weights; raises `InputError` where the file is damaged or the card belongs to other weights."""
    from safetensors.torch import load_file

    card = read_card(path)
    try:
        weights: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise not_a_weights_file(path, error) from None
    if weights_hash(weights) != card.weights_sha256:
        raise InputError(
            f"{path}: the weights are not those of its card (SHA-256 {weights_hash(weights)[:12]}…, "
            f"expected {card.weights_sha256[:12]}…); get the file again"
        )
    return card, weights


def not_a_weights_file(path: Path, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:120]
    return InputError(f"{path} is not a weights file of this project ({type(error).__name__}: {reason})")
