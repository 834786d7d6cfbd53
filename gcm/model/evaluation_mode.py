"""A network is in evaluation mode for as long as somebody looks at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from torch import nn


@dataclass
class Look:
    """A network that is looked at now.

    Attributes:
        modes: the modes of all submodules before the first looker came.
        lookers: those who still look.
    """

    modes: list[tuple[nn.Module, bool]]
    lookers: set[object] = field(default_factory=set)


looks: dict[nn.Module, Look] = {}
"""The networks that are looked at now."""
guard = Lock()


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode; afterwards every submodule is back in its own mode.

    Several may look at once, one within another or in several threads: the last to go puts the modes back. Nobody
    should train the network, or look at a part of it alone, meanwhile.

    >>> import gcm
    >>> network = gcm.load("gcm_digits").train()
    >>> with gcm.model.evaluation_mode(network):
    ...     print(network.training)
    False
    >>> network.training
    True
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
    """Return the modes of all submodules; frozen TorchScript has none."""
    return [(module, module.training) for module in network.modules() if hasattr(module, "training")]


def to_evaluation(network: nn.Module) -> None:
    """Put a network in evaluation mode; a part that `torch.export` made stays in the mode in which it was exported."""
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
