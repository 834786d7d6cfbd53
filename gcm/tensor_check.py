"""Tensors are checked where they enter from outside; a fault gets one line."""

from collections.abc import Sequence
from math import isnan

import torch
from torch import Tensor, nn

from gcm.error import InputError

ROUNDING = 1e-5
"""The largest distance of pixels from [0,1] that counts as rounding."""


def described(value: object) -> str:
    """Describe a value: `torch.float32 (2, 3)` for a tensor, the name of its type for all else."""
    if not isinstance(value, Tensor):
        return type(value).__name__
    unusual = [str(value.layout)] * (value.layout != torch.strided) + ["without values"] * value.is_meta
    return " ".join([str(value.dtype), str(tuple(value.shape)), *unusual])


def is_float(value: object) -> bool:
    """Return whether a value is an ordinary tensor of real numbers, not of whole ones."""
    return isinstance(value, Tensor) and value.is_floating_point() and value.layout == torch.strided


def check_floats(what: str, *values: Tensor) -> None:
    """Raise `InputError` unless all values are tensors of real numbers; `what` names them in the message."""
    wrong = [value for value in values if not is_float(value) or value.is_meta]
    if wrong:
        raise InputError(f"{what} must be float tensors, got {described(wrong[0])}")


def check_not_empty(what: str, values: Tensor) -> None:
    if not values.numel():
        raise InputError(f"{what} must be of at least one image, class and pixel, got {tuple(values.shape)}")


def check_several_classes(logits: Tensor) -> None:
    """Raise `InputError` unless logits `(B,K)` are finite and of two classes or more.

    The softmax of a single class is 1 whatever the network sees.
    """
    if logits.shape[1] < 2:
        raise InputError(
            f"logits must be (B,K) of K = 2 classes or more, got {tuple(logits.shape)}; of a single logit z make two, "
            "0 and z: torch.cat([torch.zeros_like(z), z], 1)"
        )
    check_finite("logits", logits)


def check_finite(what: str, *values: Tensor) -> None:
    if not all(bool(value.isfinite().all()) for value in values):
        raise InputError(f"{what} must be finite, got NaN or infinity")


def check_pixels(images: Tensor) -> None:
    """Raise `InputError` unless there is an image, and all values are numbers in [0,1], but for rounding.

    Only for images that come from outside: within, noise rightly leaves that range.
    """
    if not images.numel() or images.is_meta:
        raise InputError(f"there must be at least one image, got {described(images)}")
    low, high = torch.stack(torch.aminmax(images.detach().as_subclass(Tensor))).tolist()
    if isnan(low):
        raise InputError("pixels must be numbers in [0,1], got NaN")
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise InputError(
            f"pixels must be numbers in [0,1], got {low:g} to {high:g}; divide bytes by 255, and leave it to the "
            "network to centre or scale them"
        )


def check_classes(what: str, numbers: Tensor, shape: Sequence[int], classes: int) -> None:
    """Raise `InputError` unless `numbers` are of this shape, and each is that of a class."""
    check_whole(what, numbers, shape)
    check_range(what, numbers, classes)


def check_whole(what: str, numbers: Tensor, shape: Sequence[int]) -> None:
    fits = isinstance(numbers, Tensor) and numbers.shape == torch.Size(shape) and is_integer(numbers)
    if not fits or numbers.is_meta:
        raise InputError(f"{what} must be class numbers {tuple(shape)}, got {described(numbers)}")


def check_targets(targets: Tensor, count: int) -> None:
    """Raise `InputError` unless targets are whole numbers `(T,)`, or `(B,T)` for `count` images."""
    fits = isinstance(targets, Tensor) and (targets.ndim == 1 or (targets.ndim == 2 and len(targets) == count))
    if not fits or not is_integer(targets) or not targets.numel():
        raise InputError(f"targets must be class indices (T,) or ({count},T), got {described(targets)}")


def check_range(what: str, numbers: Tensor, classes: int) -> None:
    if numbers.numel():
        low, high = torch.stack(torch.aminmax(numbers)).tolist()
        if low < 0 or high >= classes:
            raise InputError(f"{what} must be classes 0 to {classes - 1}, got {low} to {high}")


def is_integer(numbers: Tensor) -> bool:
    return not (numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool)


def check_same_device(what: str, values: Sequence[Tensor]) -> None:
    devices = {str(value.device) for value in values}
    if len(devices) > 1:
        raise InputError(f"{what} must lie on one device, got {', '.join(sorted(devices))}")


def check_matches_weights(images: Tensor, network: nn.Module) -> None:
    """Raise `InputError` unless images are of the same type, and on the same device, as the network's weights."""
    weight = next(network.parameters(), None)
    if weight is None or not weight.is_floating_point():
        return
    if images.dtype != weight.dtype or images.device != weight.device:
        raise InputError(
            f"{type(network).__name__} has weights of {weight.dtype} on {weight.device}, got images of "
            f"{images.dtype} on {images.device}; give it images.to({str(weight.device)!r}, {weight.dtype})"
        )
