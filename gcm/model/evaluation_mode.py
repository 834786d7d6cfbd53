"""A network in evaluation mode for as long as somebody looks at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from torch import nn


@dataclass
class Look:
    """Attributes:
    modes: of all submodules before the first looker came.
    lookers: who still looks.
    """

    modes: list[tuple[nn.Module, bool]]
    lookers: set[object] = field(default_factory=set)


looks: dict[nn.Module, Look] = {}
"""At the networks that are looked at now."""
guard = Lock()


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Afterwards every submodule is back in its own mode.

    Several may look at once, one within another or in several threads: the last to go puts the modes back. Nobody
    should train the network, or look at a part of it alone, meanwhile.
    """
    looker = object()
    try:
        with guard:
            look = looks.setdefault(network, Look(modes_of(network)))
            look.lookers.add(looker)
            to_evaluation(network)
        yield
    finally:
        with guard:
            end_look(network, looker)


def modes_of(network: nn.Module) -> list[tuple[nn.Module, bool]]:
    """Frozen TorchScript has none."""
    return [(module, module.training) for module in network.modules() if hasattr(module, "training")]


def to_evaluation(network: nn.Module) -> None:
    """A part that `torch.export` made stays in the mode in which it was exported; it cannot change it."""
    try:
        if hasattr(network, "training"):
            network.eval()
    except NotImplementedError:
        for module, _ in modes_of(network):
            module.training = False


def end_look(network: nn.Module, looker: object) -> None:
    look = looks.get(network)
    if look is None:
        return
    look.lookers.discard(looker)
    if not look.lookers:
        for module, training in look.modes:
            module.training = training
        del looks[network]
