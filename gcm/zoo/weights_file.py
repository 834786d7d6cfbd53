"""Weights and card share one safetensors file: nothing in it is ever executed."""

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from gcm.atomic_write import write_bytes
from gcm.error import InputError, shortened
from gcm.untrusted import printable
from gcm.zoo.card import Card
from gcm.zoo.weight import check_weights, weights_hash

SUFFIX = ".safetensors"
LONGEST_HEADER = 2**20
"""The longest header in bytes; those of shipped networks are below a hundredth of it."""


def write_weights(path: Path, weights: Mapping[str, Tensor], card: Card) -> None:
    """Write weights and card, the same bytes each time.

    There is one metadata entry: of two, safetensors would write now one, now the other first.
    """
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    write_bytes(path, save(tensors, {"card": json.dumps(card.to_dict())}))


def read_card(path: Path) -> Card:
    """Read the card in a weights file's header; the weights stay unread.

    Raises `InputError` where there is none.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
        if length > LONGEST_HEADER:
            raise InputError(f"its header must have at most {LONGEST_HEADER} bytes, got {length}")
        with safe_open(path, "numpy") as opened:
            return Card.from_json(opened.metadata()["card"])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise not_a_weights_file(path, error) from None


def read_weights(path: Path) -> tuple[Card, dict[str, Tensor]]:
    """Read card and weights; raises `InputError` where the file is damaged or the card belongs to other weights."""
    from safetensors.torch import load_file

    card = read_card(path)
    try:
        weights: dict[str, Tensor] = load_file(path)
        check_weights(weights)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise not_a_weights_file(path, error) from None
    if weights_hash(weights) != card.weights_sha256:
        raise InputError(
            f"{path}: the weights are not those of its card (SHA-256 {weights_hash(weights)[:12]}…, "
            f"expected {shortened(card.weights_sha256, 12)}); get the file again"
        )
    return card, weights


def not_a_weights_file(path: Path, error: Exception) -> InputError:
    kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
    reason = shortened(printable(" ".join(str(error).split())), 300)
    return InputError(f"{path} is not a weights file of this project ({kind}{reason})")
