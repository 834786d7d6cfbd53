"""A network's inner steps may speak for it only if it computes its logits as its family says.

The families' own methods keep what they promise. A subclass may override them, and a hook may change what comes in or
out; then the result of the inner steps is compared with the network's logits, on the images that are looked at.
"""

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from gcm.error import InputError
from gcm.model.base import FeatureClassifier, PooledClassifier
from gcm.model.contribution_mapping import ClassMapDecoder, ContributionMapping

Steps = tuple[type[nn.Module], tuple[str, ...]]
FEATURES: Steps = FeatureClassifier, ("__call__", "forward")
POOLED: Steps = PooledClassifier, ("head",)
MAPPING: Steps = ContributionMapping, (
    "__call__", "forward", "scores", "_scores_without_maps", "decoded_weight_maps", "class_weight_maps",
    "class_contribution_maps",
)  # fmt: skip
CLASS_MAPS: Steps = ClassMapDecoder, ("class_maps",)


def goes_by_steps(network: nn.Module) -> bool:
    """Return whether logits are certainly `head(features(images))`, or GCM's `scores(images, decode(images))`."""
    if isinstance(network, ContributionMapping):
        layer = network.decoder.class_layer
        as_ever = layer.kernel_size == (3, 3) and layer.padding == (1, 1) and layer.padding_mode == "zeros"
        as_ever = as_ever and layer.stride == layer.dilation == (1, 1)
        return (
            as_ever
            and is_plain(layer)
            and is_as_written(network, MAPPING)
            and is_as_written(network.decoder, CLASS_MAPS)
        )
    return isinstance(network, FeatureClassifier) and is_as_written(network, FEATURES)


def has_pooled_head(network: PooledClassifier) -> bool:
    """Return whether the head is certainly pooling and `linear`."""
    return is_as_written(network, POOLED) and is_plain(network.linear)


def is_as_written(network: nn.Module, steps: Steps) -> bool:
    """Return whether nobody overrides these methods, and nothing hooks into the network's call."""
    family, names = steps
    own = all(getattr(type(network), name) is getattr(family, name) and name not in vars(network) for name in names)
    return own and not hooked(network)


def is_plain(layer: nn.Module) -> bool:
    """Return whether a layer is PyTorch's own, with weights of its own."""
    return type(layer) in (nn.Linear, nn.Conv2d) and "forward" not in vars(layer) and not hooked(layer)


def hooked(module: nn.Module) -> bool:
    everywhere = [*torch_module._global_forward_hooks.values(), *torch_module._global_forward_pre_hooks.values()]
    others = [hook for hook in everywhere if not getattr(hook, "__module__", "").startswith("gcm.")]
    return bool(module._forward_hooks or module._forward_pre_hooks or others)


def check_same(found: Tensor, logits: Tensor, what: str, network: nn.Module) -> None:
    """Raise `InputError` unless `found` are the network's logits, `(B,K)`, but for rounding; `what` names them."""
    difference = float((found - logits).abs().amax()) if found.shape == logits.shape else torch.inf
    if not difference <= rounding(logits) * float(logits.abs().amax()):
        raise InputError(
            f"the logits of {type(network).__name__} are not {what}, they differ by up to {difference:.3g}; its "
            "forward must do nothing else, or it must be explained as a plain module, by a method that needs no steps"
        )


def rounding(logits: Tensor) -> float:
    """Return the share of the largest logit that rounding may change."""
    return 1e-4 if torch.finfo(logits.dtype).eps < 1e-4 else 0.05
