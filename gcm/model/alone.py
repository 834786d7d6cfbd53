"""Checks that each image is classified for itself, whatever other images are in its batch."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from gcm.error import InputError, listed
from gcm.model.answer import logits_of
from gcm.model.steps import rounding

KNOWN = ("gcm.", "torch.nn.")
asked: WeakKeyDictionary[nn.Module, list[tuple[int, ...]]] = WeakKeyDictionary()
"""The networks that have passed, and the parts that they had then."""


def is_known(network: nn.Module) -> bool:
    """Return whether the network is ours and made of our and PyTorch's modules alone, which the tests know.

    Hooks are taken to look on.
    """
    if not type(network).__module__.startswith("gcm."):
        return False
    return all(
        type(module).__module__.startswith(KNOWN) and "forward" not in vars(module) and not over_batch(module)
        for module in network.modules()
    )


def over_batch(module: nn.Module) -> bool:
    """Return whether a module is batch normalisation by the statistics of the batch itself."""
    return isinstance(module, _BatchNorm) and (module.training or module.running_mean is None)


def check_each_alone(network: nn.Module, images: Tensor, gradients: bool) -> None:
    """Raise `InputError` where an image has other logits alone than beside another.

    Two of the images are classified, one of them darkened, so that not even their largest values agree; once for a
    network as it is. `gradients`: with autograd on, as the network will be called again.
    """
    if len(images) < 2 or is_known(network) or asked.get(network) == parts_of(network):
        return
    pair = torch.cat([images[:1] / 2, images[-1:]])
    with BatchStatistics() as statistics:
        together = answers(network, pair, images, gradients)
    alone = torch.cat([answers(network, image.unsqueeze(0), images, gradients) for image in pair])
    if statistics.used:
        names = [name for name, module in network.named_modules() if over_batch(module)]
        raise InputError(
            f"{type(network).__name__} normalizes by the statistics of the batch ({listed(names) or 'F.batch_norm'}), "
            "so the other images of a batch change what it says of one; give it running statistics"
        )
    difference = float((alone - together).detach().abs().amax())
    if difference > rounding(together) * float(together.detach().abs().amax()):
        raise InputError(
            f"{type(network).__name__} gives an image other logits alone than beside another, by up to "
            f"{difference:.3g}: images of a batch must not change each other, and nothing may be random"
        )
    asked[network] = parts_of(network)


def parts_of(network: nn.Module) -> list[tuple[int, ...]]:
    """Return a network's parts as far as code goes: its modules, their attributes and hooks, by their ids."""
    return [
        (id(module), *map(id, vars(module).values()), *module._forward_hooks, *module._forward_pre_hooks)
        for module in network.modules()
    ]


class BatchStatistics(TorchFunctionMode):
    """This mode notices batch normalisation by the statistics of the batch.

    Attributes:
        used: whether batch normalisation was called without running statistics.
    """

    used = False

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if function is F.batch_norm:
            given = dict(
                zip(("input", "running_mean", "running_var", "weight", "bias", "training"), args, strict=False)
            )
            given |= named
            self.used |= bool(given.get("training")) or given.get("running_mean") is None
        return function(*args, **named)


def answers(network: nn.Module, some: Tensor, images: Tensor, gradients: bool) -> Tensor:
    """Return the logits of some images.

    Where the network takes batches of one size only, as an exported program may, they are asked among copies of the
    first; where autograd cannot go through it, without autograd.
    """
    filled = torch.cat([some, some[:1].expand(len(images) - len(some), -1, -1, -1)])
    *others, last = [(given, mode) for given in (some, filled) for mode in sorted({gradients, False}, reverse=True)]
    for given, mode in others:
        with suppress(Exception), torch.set_grad_enabled(mode):
            return logits_of(network, given.detach().requires_grad_(mode))[: len(some)]
    with torch.set_grad_enabled(last[1]):
        return logits_of(network, last[0].detach())[: len(some)]
