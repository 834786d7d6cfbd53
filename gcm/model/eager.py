"""Compiled networks run as they are written for as long as somebody looks at them."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def uncompiled(network: nn.Module) -> nn.Module:
    """Return the network that `torch.compile` was given, or the network itself."""
    inner = getattr(network, "_orig_mod", network)
    return inner if isinstance(inner, nn.Module) else network


@contextmanager
def eager(network: nn.Module) -> Iterator[None]:
    """Run the network without `torch.compile`, also in parts of it: compiled code cannot be looked into.

    A function that was compiled cannot be found in a network, but then `torch._dynamo` has been imported.
    """
    if "torch._dynamo" not in sys.modules:
        yield
        return
    with torch.compiler.set_stance("force_eager"), warnings.catch_warnings():
        if any(is_compiled(module) for module in network.modules()):
            warnings.filterwarnings("ignore", "Using `torch.compile.module.` when there are global hooks", UserWarning)
        yield


def is_compiled(module: nn.Module) -> bool:
    return type(module).__name__ == "OptimizedModule" or vars(module).get("_compiled_call_impl") is not None
