"""What a network says of images, whatever it returns and whatever it does to what it is given."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gcm.check import described, is_float
from gcm.error import InputError


def logits_of(network: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """The logits `(B,K)` of images `(B,C,H,W)`; the images stay as they are, since the network is given a copy.

    Raises `InputError` unless the network returns logits, and as `copy_for` does.
    """
    with copy_for(network, images) as given:
        logits = network(given)
    check_logits(logits, network, images)
    return logits


@contextmanager
def copy_for(network: Callable[[Tensor], Tensor], images: Tensor) -> Iterator[Tensor]:
    """A copy of images to give to a network, which may change it in place.

    Raises `InputError` where gradients for `images` are wanted, and the copy was changed behind autograd's back.
    """
    given = images.clone()
    made = given.grad_fn
    yield given
    if made is not None and given.grad_fn is made and not torch.equal(given, images):
        raise InputError(
            f"{name_of(network)} changes its input where autograd does not see it (in no_grad, or by .data or "
            "detach()), so its logits have no gradient for the images; compute a new tensor there instead"
        )


def check_logits(logits: object, network: Callable[[Tensor], Tensor], images: Tensor) -> None:
    """Raise `InputError` unless these are what a network must return for `images`: float `(B,K)`."""
    if isinstance(logits, Tensor) and is_float(logits) and logits.shape[:-1] == images.shape[:1] and logits.shape[-1]:
        return
    raise InputError(
        f"{name_of(network)} must return logits, a float tensor (B,K) for {len(images)} images, got "
        f"{returned(logits)}; wrap it in a module whose forward returns {hint(logits)}"
    )


def name_of(network: Callable[[Tensor], Tensor]) -> str:
    return type(network).__name__ if isinstance(network, nn.Module) else getattr(network, "__name__", "the network")


def returned(value: object) -> str:
    if isinstance(value, Mapping):
        return f"a {type(value).__name__} with {', '.join(map(str, value)) or 'nothing'}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"a {type(value).__name__} of {len(value)}: {', '.join(map(described, value))}"
    return described(value)


def hint(value: object) -> str:
    """How logits might be taken out of what was returned."""
    if isinstance(value, Mapping):
        return f"its logits, such as network(images)[{next(iter(value), 'logits')!r}]"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "its logits, such as network(images)[0]"
    if isinstance(value, Tensor) and value.ndim == 1:
        return "network(images).unsqueeze(1)"
    if isinstance(value, Tensor) and value.ndim > 2:
        return "one number for each class, such as network(images).flatten(2).mean(2)"
    return "these"
