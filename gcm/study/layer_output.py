"""Layers' outputs are recorded while a network computes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


@contextmanager
def recorded_outputs(layers: Mapping[str, nn.Module]) -> Iterator[dict[str, list[Any]]]:
    """Record what each of the layers gives while the block lasts, call by call, under its name.

    Layers stand in the order of their first calls; those that are not called are not there. Tensors are copied, since
    an activation that follows may write into them.
    """
    outputs: dict[str, list[Any]] = {}

    def record(name: str, output: Any) -> None:
        outputs.setdefault(name, []).append(output.clone() if isinstance(output, Tensor) else output)

    handles = [
        layer.register_forward_hook(lambda _module, _inputs, output, name=name: record(name, output))
        for name, layer in layers.items()
    ]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
