"""The logits of images are taken from a network, whatever it returns and whatever it does to its input."""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from gcm.error import InputError
from gcm.tensor_check import described, is_float


def logits_of(network: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Return the logits `(B,K)` of images `(B,C,H,W)`; the images stay as they are, since the network is given a copy.

    Raises `InputError` unless the network returns logits.
    """
    logits = network(images.clone())
    check_logits(logits, network, images)
    return logits.clone()  # it may be memory that the network writes into again


def check_logits(logits: object, network: Callable[[Tensor], Tensor], images: Tensor) -> None:
    """Raise `InputError` unless `logits` are what a network must return for `images`: float `(B,K)`."""
    if are_logits(logits, images):
        return
    raise InputError(
        f"{name_of(network)} must return logits, a float tensor (B,K) for {len(images)} images, got "
        f"{returned(logits)}; wrap it in a module whose forward returns {hint(logits, images)}"
    )


def name_of(network: Callable[[Tensor], Tensor]) -> str:
    return type(network).__name__ if isinstance(network, nn.Module) else getattr(network, "__name__", "the network")


def returned(value: object) -> str:
    if isinstance(value, Mapping):
        return f"a {type(value).__name__} with {', '.join(map(str, value)) or 'nothing'}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"a {type(value).__name__} of {len(value)}: {', '.join(map(described, value))}"
    return described(value)


def hint(value: object, images: Tensor) -> str:
    """Return how logits might be taken out of a returned value."""
    if isinstance(value, Mapping | Sequence) and not isinstance(value, str):
        parts = value.items() if isinstance(value, Mapping) else enumerate(value)
        found = [key for key, part in parts if are_logits(part, images)]
        return f"network(images)[{found[0]!r}]" if found else "logits alone"
    if isinstance(value, Tensor) and value.is_floating_point():
        count = len(images)
        if value.ndim == 1 and len(value) == count:
            return "network(images).unsqueeze(1)"
        if value.ndim == 1 and count == 1:
            return "network(images).unsqueeze(0), one row an image also for one image"
        if value.ndim == 4 and len(value) == count:
            return "one number for each class, such as network(images).mean((2, 3))"
    return "one number for each image and class"


def are_logits(value: object, images: Tensor) -> bool:
    """Return whether a value can be the logits of `images`."""
    if not isinstance(value, Tensor) or not is_float(value) or value.is_meta:
        return False
    return value.ndim == 2 and len(value) == len(images) and value.shape[1] > 0
