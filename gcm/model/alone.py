"""Whether each image is classified for itself, whatever other images are in its batch."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gcm.error import InputError, listed
from gcm.model.answer import logits_of
from gcm.model.steps import rounding


def check_statistics(network: nn.Module) -> None:
    """Raise `InputError` for a network, in evaluation mode, with batch normalisation over the batch itself."""
    found = {module for module in network.modules() if isinstance(module, _BatchNorm) and over_batch(module)}
    if found:
        names = [name for name, module in network.named_modules() if module in found]
        raise InputError(
            f"batch normalisation without running statistics ({listed(names)}) lets the other images of a batch change "
            f"what {type(network).__name__} says of one; give it running statistics (track_running_stats=True)"
        )


def over_batch(module: _BatchNorm) -> bool:
    return module.training or module.running_mean is None or module.running_var is None


def check_first_alone(network: nn.Module, images: Tensor, logits: Tensor) -> None:
    """Raise `InputError` where the first image has other logits alone than among `images`.

    Our own networks owe it to the contract tests, and are not asked.
    """
    if len(images) < 2 or type(network).__module__.startswith("gcm."):
        return
    with torch.no_grad():
        alone = logits_of_first(network, images)
    difference = float((alone - logits[:1].detach()).abs().amax())
    if difference > rounding(logits) * float(logits.detach().abs().amax()):
        raise InputError(
            f"{type(network).__name__} gives an image other logits alone than among others, by up to {difference:.3g}: "
            "images of a batch must not change each other, and nothing may be random"
        )


def logits_of_first(network: nn.Module, images: Tensor) -> Tensor:
    """Of the first image without the others, `(1,K)`."""
    try:
        return logits_of(network, images[:1])
    except Exception:  # it may take batches of one size only, as an exported program
        return logits_of(network, images[:1].expand_as(images))[:1]
