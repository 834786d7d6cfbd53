"""One batch going through one network, and all that visualizers may want to know of it, each computed at most once."""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gcm.check import check_range
from gcm.model import ContributionMapping, FeatureClassifier, PooledClassifier
from gcm.visualizer.guided import GuidedReLU, GuidedReLUs
from gcm.visualizer.relu_mode import check_only_relus

Gradients = Literal["none", "plain", "guided"]
"""How ReLUs pass gradients to the images: as they are, or by the guided rule."""

COPIED_AT_ONCE = 32


class RecordedPart(NamedTuple):
    """What some images of a pass came to, ready for gradients of the logits for them."""

    images: Tensor
    hidden: Tensor | None
    logits: Tensor


class ForwardPass:
    """The quantities are computed when first asked for. The network must be in evaluation mode,
    and autograd off; what needs gradients switches it on for itself.

    Attributes:
        model: any classifier; what needs `features` and `head` wants a `FeatureClassifier`.
        images: `(B,C,H,W)`.
        recorded: gradients for the images that the forward pass is computed for; others want another one.
    """

    def __init__(self, model: nn.Module, images: Tensor, targets: Tensor | None, recorded: Gradients) -> None:
        self.model = model
        self.images = images
        self.recorded = recorded
        self._targets = targets

    @cached_property
    def requested(self) -> Tensor | None:
        """The classes as they were asked for: None for all, `(T,)`, or `(B,T)`."""
        asked = self._targets
        if asked is not None:
            check_range("targets", asked, self.logits.shape[1])
        return asked

    @cached_property
    def targets(self) -> Tensor:
        """The classes written out for each image, `(B,T)`."""
        batch, classes = self.logits.shape
        asked = torch.arange(classes, device=self.images.device) if self.requested is None else self.requested
        return asked.expand(batch, -1)

    @property
    def logits(self) -> Tensor:
        """`(B,K)`."""
        return self._hidden_and_logits[1].detach()

    @property
    def hidden(self) -> Tensor:
        """What came last before the logits: feature maps `(B,D,h,w)`, or GCM's decoded image `(B,E,H,W)`."""
        hidden = self._hidden_and_logits[0]
        assert hidden is not None, "Visualizer.misfit must refuse networks that show no inner step"
        return hidden.detach()

    @cached_property
    def _hidden_and_logits(self) -> tuple[Tensor | None, Tensor]:
        if self.recorded == "none":
            return self._forward(self.images)
        hidden = [part.hidden for part in self._recorded_parts if part.hidden is not None]
        return joined(hidden) if hidden else None, joined([part.logits for part in self._recorded_parts])

    @cached_property
    def _recorded_parts(self) -> list[RecordedPart]:
        return self._record(self.images, GuidedReLUs() if self.recorded == "guided" else None)

    def _record(self, images: Tensor, relus: GuidedReLUs | None = None) -> list[RecordedPart]:
        """`InputError` where ReLUs have a rule and the network has other activations."""
        with torch.enable_grad(), relus or nullcontext():
            leaves = [part.clone(memory_format=torch.preserve_format).requires_grad_() for part in split(images)]
            parts = [RecordedPart(leaf, *self._forward(leaf)) for leaf in leaves]
        if relus is not None:
            check_only_relus(parts[0].logits, relus, type(self.model).__name__, relus.rule.method)
        return parts

    def _gradients(self, parts: Sequence[RecordedPart]) -> Tensor:
        """Of each target's logit for the images, `(B,T,C,H,W)`."""
        targets = self.targets.split([len(part.images) for part in parts])
        found = [
            target_gradients(part.logits, wanted, part.images) for part, wanted in zip(parts, targets, strict=True)
        ]
        return joined(found)

    def _forward(self, images: Tensor) -> tuple[Tensor | None, Tensor]:
        if isinstance(self.model, FeatureClassifier):
            features = self.model.features(images)
            return features, self.model.head(features)
        if isinstance(self.model, ContributionMapping):
            decoded = self.model.decode(images)
            return decoded, self.model.scores(images, decoded)
        return None, self.model(images)

    def logits_at(self, images: Tensor) -> Tensor:
        """Of other images than the pass's own, as many and of the same shape, `(B,K)`."""
        return self._forward(images)[1]

    def gradients_at(self, images: Tensor) -> Tensor:
        """The plain gradient of each target's logit for the image, likewise, `(B,T,C,H,W)`."""
        return self._gradients(self._record(images))

    @cached_property
    def gradients(self) -> Tensor:
        """The plain gradient of each target's logit for the pass's own images, `(B,T,C,H,W)`."""
        return self._gradients(self._recorded_parts) if self.recorded == "plain" else self.gradients_at(self.images)

    def ruled_gradients(self, rule: type[GuidedReLU]) -> Tensor:
        """The same where ReLUs go back by a rule; `InputError` where the network has other activations."""
        return self._gradients(self._record(self.images, GuidedReLUs(rule)))

    @cached_property
    def guided_gradients(self) -> Tensor:
        """Each target's logit backpropagated to the image by the guided rule, `(B,T,C,H,W)`."""
        assert self.recorded == "guided"
        return self._gradients(self._recorded_parts)

    @cached_property
    def class_activation_maps(self) -> Tensor:
        """Feature maps added up with the linear layer's weights, `(B,T,h,w)`; needs a `PooledClassifier`."""
        assert isinstance(self.model, PooledClassifier)
        weight, asked = self.model.linear.weight, self.requested  # (K,D)
        if asked is not None and asked.ndim == 2:
            return torch.einsum("bdhw,btd->bthw", self.hidden, weight[asked])
        wanted = weight if asked is None else weight[asked]
        return F.conv2d(self.hidden, wanted[:, :, None, None])  # (T,D) -> (T,D,1,1)

    @cached_property
    def feature_gradients(self) -> Tensor:
        """The plain gradient of each target's logit with respect to the feature maps, `(B,T,D,h,w)`."""
        assert isinstance(self.model, FeatureClassifier)
        features = self.hidden.requires_grad_()
        with torch.enable_grad():
            logits = self.model.head(features)
        return target_gradients(logits, self.targets, features)


def split(images: Tensor) -> Sequence[Tensor]:
    """Convolutions on a CPU copy maps that are not laid out channels last: few images at once keep the copies small."""
    copied = images.device.type == "cpu" and images.is_contiguous()
    return images.split(COPIED_AT_ONCE) if copied else [images]


def joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(tuple(parts))


@torch.enable_grad()
def target_gradients(logits: Tensor, targets: Tensor, inputs: Tensor) -> Tensor:
    """Gradients `(B,T,…)` of the logits `(B,K)` of targets `(B,T)` with respect to `inputs` `(B,…)`.

    Images do not influence each other, so one backward pass serves the whole batch. Only gradients of `inputs` are
    computed, none of any parameter.
    """
    wanted = logits.gather(1, targets)  # (B,K) -> (B,T)
    gradients = inputs.new_empty(*wanted.shape, *inputs.shape[1:])
    for target, logit in enumerate(wanted.unbind(1), start=1):
        (gradient,) = torch.autograd.grad(logit.sum(), inputs, retain_graph=target < wanted.shape[1])
        gradients[:, target - 1].copy_(gradient)
    return gradients
