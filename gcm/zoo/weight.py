"""A network's weights by name have a hash, and must be plain finite numbers."""

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gcm.error import InputError, shortened
from gcm.untrusted import printable

TYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.bool)


def weights_hash(weights: Mapping[str, Tensor]) -> str:
    """Return SHA-256 over every tensor's name, type, shape and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def check_weights(weights: Mapping[str, Any]) -> None:
    """Raise `InputError` unless all are finite numbers in memory, each there as often as it is counted."""
    for name, tensor in weights.items():
        fault = fault_of(tensor)
        if fault:
            raise InputError(f"its weight {shortened(printable(str(name)))} {fault}")


def fault_of(tensor: Any) -> str:
    if not isinstance(tensor, Tensor):
        return f"is a {type(tensor).__name__}"
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
        return "is no plain tensor"
    if tensor.dtype not in TYPES:
        return f"is of type {tensor.dtype}"
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        return f"has the shape {tuple(tensor.shape)} and fewer numbers"
    if not tensor.isfinite().all():
        return "is not finite: the training diverged, or the file was changed"
    return ""


def check_same_shapes(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise `InputError` unless the weights are those that a network expects."""
    for name in sorted({*weights, *expected}):
        if name not in expected:
            raise InputError(f"{shortened(printable(name))} belongs to no layer")
        if name not in weights:
            raise InputError(f"{name} is missing")
        found, wanted = weights[name], expected[name]
        if found.shape != wanted.shape:
            raise InputError(f"{name} has the shape {tuple(found.shape)} instead of {tuple(wanted.shape)}")
        if found.dtype != wanted.dtype and not (found.is_floating_point() and wanted.is_floating_point()):
            raise InputError(f"{name} is of type {found.dtype} instead of {wanted.dtype}")
