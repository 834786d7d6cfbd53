"""One batch goes through one network; all that visualizers want to know of it is computed at most once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property
from typing import Literal, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functionalize
from torch.nn import functional as F

from gcm.error import InputError, listed, shortened
from gcm.model import ContributionMapping, FeatureClassifier, PooledClassifier
from gcm.model.alone import is_known
from gcm.model.answer import check_logits, logits_of
from gcm.model.steps import check_same, goes_by_steps, has_pooled_head
from gcm.tensor_check import check_range
from gcm.visualizer.dependence import Watched
from gcm.visualizer.guided import GuidedReLU, GuidedReLUs
from gcm.visualizer.relu_check import check_only_relus

Gradients = Literal["none", "plain", "guided"]
"""The rule by which ReLUs pass gradients to the images: as they are, or guided."""

COPIED_AT_ONCE = 32
Found = TypeVar("Found")


class RecordedPart(NamedTuple):
    """A part of a pass's images with its results, ready for gradients of the logits for the images."""

    images: Tensor
    hidden: Tensor | None
    logits: Tensor


class ForwardPass:
    """A forward pass computes each of its quantities when it is first asked for, and keeps it.

    The network must be in evaluation mode, and autograd off; quantities that need gradients switch it on for
    themselves.

    Attributes:
        model: any classifier; quantities of `features` and `head` need a `FeatureClassifier`.
        images: `(B,C,H,W)`; the network is only ever given copies.
        recorded: the gradients that the forward pass is recorded for; other gradients take another pass.
    """

    def __init__(self, model: nn.Module, images: Tensor, targets: Tensor | None, recorded: Gradients) -> None:
        self.model = model
        self.images = images
        self.recorded = recorded
        self._targets = targets
        self._by_steps = goes_by_steps(model)
        self._out_of_place = False

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
        """The scores of all classes, `(B,K)`."""
        return self._hidden_and_logits[1].detach()

    @property
    def hidden(self) -> Tensor:
        """The last values before the logits: feature maps `(B,D,h,w)`, or GCM's decoded image `(B,E,H,W)`.

        Raises `InputError` where the network's logits are not made from them.
        """
        hidden = self._hidden_and_logits[0]
        return (self._checked_hidden if hidden is None else hidden).detach()

    @cached_property
    def _checked_hidden(self) -> Tensor:
        """The hidden values of a network that may do more than its steps, compared with its logits."""
        hidden = self._hidden(self.images)
        if isinstance(self.model, ContributionMapping):
            maps = self.model.decoded_weight_maps(hidden.clone())
            score = torch.einsum("bkhw,bhw->bk", maps, self.images.mean(1)) / self.images[0, 0].numel()
            check_same(score, self.logits, "the mean of weight map times image", self.model)
        elif isinstance(self.model, FeatureClassifier):
            check_same(self.model.head(hidden.clone()), self.logits, "head(features(images))", self.model)
        return hidden

    @cached_property
    def _hidden_and_logits(self) -> tuple[Tensor | None, Tensor]:
        if self.recorded == "none":
            return self._forward(self.images)
        shown = [part.hidden for part in self._recorded_parts if part.hidden is not None]
        return joined(shown) if shown else None, joined([part.logits for part in self._recorded_parts])

    @cached_property
    def _recorded_parts(self) -> list[RecordedPart]:
        if self.recorded == "guided":
            with one_line(self.model, self.images):
                return self._record(self.images, self._relus(GuidedReLU))
        return self._plain(lambda: self._record(self.images))

    def _record(self, images: Tensor, relus: GuidedReLUs | None = None) -> list[RecordedPart]:
        """Pass the images through, ready for gradients.

        Raises `InputError` where ReLUs have a rule and the network has other activations, or there are no gradients.
        """
        check_differentiable(self.model)
        watched = relus or (None if self._out_of_place or is_known(self.model) else Watched())
        with torch.enable_grad(), watched or nullcontext():
            parts = [self._recorded_part(part, watched) for part in split(images)]
        if not parts[0].logits.requires_grad:
            raise no_gradient(self.model)
        if relus is not None:
            self._check_only_relus(parts[0], relus, relus.rule.method)
        elif watched is not None and watched.dependence.unseen:
            raise unseen_by_autograd(self.model, watched.dependence.unseen)
        return parts

    def _plain(self, compute: Callable[[], Found]) -> Found:
        """Compute with plain gradients, once more without writing in place where autograd cannot go through such
        writes.
        """
        if not self._out_of_place:
            try:
                return compute()
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                self._out_of_place, first = True, error
            with one_line(self.model, self.images):
                try:
                    return compute()
                except (RuntimeError, InputError):
                    raise first from None
        with one_line(self.model, self.images):
            return compute()

    def _recorded_part(self, images: Tensor, watched: GuidedReLUs | Watched | None) -> RecordedPart:
        leaf = images.clone().requires_grad_()
        if watched is not None:
            watched.dependence.images.append(leaf)
        return RecordedPart(leaf, *self._forward(leaf))

    def _check_only_relus(self, part: RecordedPart, relus: GuidedReLUs, method: str) -> None:
        """Check a part's graph; GCM's own product of map and image, which comes last, is no activation."""
        maps = part.hidden if isinstance(self.model, ContributionMapping) else None
        check_only_relus(part.logits if maps is None else maps, relus, type(self.model).__name__, method)

    def check_only_relus(self, method: str) -> None:
        """Raise `InputError` where the network has other activations than ReLU, which `method` cannot handle."""
        check_differentiable(self.model)
        relus = self._relus(GuidedReLU)
        with torch.enable_grad(), relus:
            part = self._recorded_part(self.images[:1], relus)
        self._check_only_relus(part, relus, method)

    def _relus(self, rule: type[GuidedReLU]) -> GuidedReLUs:
        return GuidedReLUs(rule, watching=not is_known(self.model))

    def _gradients(self, parts: Sequence[RecordedPart]) -> Tensor:
        """Return the gradients of each target's logit for the images, `(B,T,C,H,W)`."""
        targets = self.targets.split([len(part.images) for part in parts])
        found = [
            target_gradients(part.logits, wanted, part.images, self.model)
            for part, wanted in zip(parts, targets, strict=True)
        ]
        return joined(found)

    def _forward(self, images: Tensor) -> tuple[Tensor | None, Tensor]:
        """Return the logits, and the hidden values before them if these are certain to be what the network's steps
        give.
        """
        if self._out_of_place:
            return None, logits_of(functionalize(lambda given: self.model(given.clone())), images)
        if not self._by_steps:
            return None, logits_of(self.model, images)
        hidden = self._hidden(images)
        if isinstance(self.model, ContributionMapping):
            logits = self.model.scores(images, hidden)
        else:
            assert isinstance(self.model, FeatureClassifier)
            logits = self.model.head(hidden.clone())
        check_logits(logits, self.model, images)
        return hidden, logits

    def _hidden(self, images: Tensor) -> Tensor:
        if isinstance(self.model, FeatureClassifier):
            return self.model.features(images.clone())
        assert isinstance(self.model, ContributionMapping), "Visualizer.misfit must refuse networks without steps"
        return self.model.decode(images.clone())

    def logits_at(self, images: Tensor) -> Tensor:
        """Return the logits `(B,K)` of other images than the pass's own, as many and of the same shape."""
        return self._forward(images)[1]

    def gradients_at(self, images: Tensor) -> Tensor:
        """Return the plain gradient of each target's logit for other images, as in `logits_at`, `(B,T,C,H,W)`."""
        return self._plain(lambda: self._gradients(self._record(images)))

    @cached_property
    def gradients(self) -> Tensor:
        """The plain gradient of each target's logit for the pass's own images, `(B,T,C,H,W)`."""
        if self.recorded != "plain":
            return self.gradients_at(self.images)
        parts = self._recorded_parts
        return self._plain(lambda: self._gradients(self._record(self.images) if self._out_of_place else parts))

    def ruled_gradients(self, rule: type[GuidedReLU]) -> Tensor:
        """Return the gradients `(B,T,C,H,W)` where ReLUs pass back by a rule.

        Raises `InputError` where the network has other activations than ReLU.
        """
        with one_line(self.model, self.images):
            return self._gradients(self._record(self.images, self._relus(rule)))

    @cached_property
    def guided_gradients(self) -> Tensor:
        """Each target's logit backpropagated to the image by the guided rule, `(B,T,C,H,W)`."""
        assert self.recorded == "guided"
        with one_line(self.model, self.images):
            return self._gradients(self._recorded_parts)

    @cached_property
    def class_activation_maps(self) -> Tensor:
        """The feature maps added up with the linear layer's weights, `(B,T,h,w)`; they need a `PooledClassifier`.

        Raises `InputError` where its head is another than pooling and the linear layer.
        """
        assert isinstance(self.model, PooledClassifier)
        if not has_pooled_head(self.model):
            pooled = F.linear(self.hidden.mean((2, 3)), self.model.linear.weight, self.model.linear.bias)
            check_same(pooled, self.logits, "the linear layer of the pooled features", self.model)
        weight, asked = self.model.linear.weight, self.requested  # (K,D)
        if asked is not None and asked.ndim == 2:
            return torch.einsum("bdhw,btd->bthw", self.hidden, weight[asked])
        wanted = weight if asked is None else weight[asked]
        return F.conv2d(self.hidden, wanted[:, :, None, None])  # (T,D) -> (T,D,1,1)

    @cached_property
    def feature_gradients(self) -> Tensor:
        """The plain gradient of each target's logit with respect to the feature maps, `(B,T,D,h,w)`."""
        assert isinstance(self.model, FeatureClassifier)
        check_differentiable(self.model)
        features = self.hidden.requires_grad_()
        with torch.enable_grad():
            logits = self.model.head(features.clone())
        return target_gradients(logits, self.targets, features, self.model)


def split(images: Tensor) -> Sequence[Tensor]:
    """Split images into parts that are passed at once.

    Convolutions on a CPU copy maps that are not laid out channels last; few images at once keep the copies small.
    """
    copied = images.device.type == "cpu" and images.is_contiguous()
    return images.split(COPIED_AT_ONCE) if copied else [images]


def joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(tuple(parts))


@torch.enable_grad()
def target_gradients(logits: Tensor, targets: Tensor, inputs: Tensor, network: nn.Module) -> Tensor:
    """Return the gradients `(B,T,…)` of the logits `(B,K)` of targets `(B,T)` with respect to `inputs` `(B,…)`.

    Images do not influence each other, so one backward pass serves the whole batch. Only gradients of `inputs` are
    computed, none of any parameter. Raises `InputError` where there is none.
    """
    if not logits.requires_grad:
        raise no_gradient(network)
    wanted = logits.gather(1, targets)  # (B,K) -> (B,T)
    gradients = inputs.new_empty(*wanted.shape, *inputs.shape[1:])
    for target, logit in enumerate(wanted.unbind(1), start=1):
        more = target < wanted.shape[1]
        (gradient,) = torch.autograd.grad(logit.sum(), inputs, retain_graph=more, allow_unused=True)
        if gradient is None:
            raise no_gradient(network)
        gradients[:, target - 1].copy_(gradient)
    return gradients


@contextmanager
def one_line(network: nn.Module, images: Tensor) -> Iterator[None]:
    """Turn PyTorch's reason why it cannot go back through a network into one line; the network's own errors pass."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        with torch.no_grad():
            logits_of(network, images)
        reason, *_ = str(error).splitlines() or [type(error).__name__]
        raise InputError(f"{type(network).__name__} cannot be differentiated: {shortened(reason, 300)}") from error


def no_gradient(network: nn.Module) -> InputError:
    return InputError(
        f"the logits of {type(network).__name__} have no gradient for the images: autograd is off or cut within it "
        "(no_grad, detach, NumPy, quantized layers); methods without gradients, such as Occlusion, fit it"
    )


def unseen_by_autograd(network: nn.Module, calls: Iterable[str]) -> InputError:
    return InputError(
        f"{type(network).__name__} writes into values where autograd does not see it ({listed(sorted(calls))} in "
        "no_grad, or by .data or detach()), so it has no true gradient; compute a new tensor there instead"
    )


def check_differentiable(network: nn.Module) -> None:
    """Raise `InputError` for weights that autograd cannot go through."""
    if any(tensor.is_inference() for tensor in [*network.parameters(), *network.buffers()]):
        raise InputError(
            f"the weights of {type(network).__name__} were made within torch.inference_mode(), where PyTorch keeps no "
            "gradients; make or load the network outside of it"
        )
