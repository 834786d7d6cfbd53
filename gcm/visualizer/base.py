"""Every visualizer has one interface: weight maps of all classes from one call."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from gcm.error import InputError, listed
from gcm.model import evaluation_mode
from gcm.model.alone import check_each_alone
from gcm.model.base import check_entering
from gcm.model.eager import eager, uncompiled
from gcm.tensor_check import check_targets
from gcm.visualizer.forward_pass import ForwardPass, Gradients


@dataclass(frozen=True)
class Explanation:
    """A visualizer returns its maps and the logits that they explain.

    Attributes:
        logits: scores of all classes, `(B,K)`.
        maps: `(B,K,d,h,w)`, or `(B,T,d,h,w)` for target classes; signed, unscaled, at the method's own resolution. `d`
            is 1 or the image's channels.

    >>> import gcm, torch
    >>> explanation = gcm.visualizer.CAM()(gcm.load("cnn_digits"), torch.zeros(2, 1, 32, 32))
    >>> tuple(explanation.logits.shape), tuple(explanation.maps.shape)
    ((2, 10), (2, 10, 1, 8, 8))
    """

    logits: Tensor
    maps: Tensor


class Visualizer(ABC):
    """A visualizer makes a weight map for each class.

    Settings are given to the constructor, network and images to the call. The call leaves the network exactly as it
    found it, also after an exception: it puts the network in evaluation mode and back, and changes nothing else of it.
    Several threads may explain with one network. The images stay as they are too, whatever the network does to its
    input. A network made by `torch.compile` is explained as it was written; a call within `torch.inference_mode()`
    computes outside of it.

    The batch size, the order of images, threads and memory layout change maps by less than 1e-5 of an image's largest
    value. Only gradients and `LRP` can change more, in float32 in a few images by up to about 0.01, where rounding
    decides whether a ReLU is open or which pixel of a pooling window is largest, or shares relevance among terms that
    nearly cancel; in float64 that is too rare to be seen.

    >>> import gcm, torch
    >>> class Constant(gcm.visualizer.Visualizer):
    ...     def weight_maps(self, forward_pass):
    ...         return torch.ones(*forward_pass.targets.shape, 1, 2, 2)
    >>> Constant()(gcm.load("gcm_digits"), torch.zeros(1, 1, 32, 32), targets=[3, 8]).maps.shape
    torch.Size([1, 2, 1, 2, 2])
    """

    by_design: ClassVar[bool] = False
    """Whether the maps are the network's own account of its scores."""
    control: ClassVar[bool] = False
    """Whether the method knows nothing of where the evidence lies, and stands in tables for comparison."""
    complete: ClassVar[bool] = False
    """Whether the maps' sums follow the logits whatever the network learned, but for a factor and one number for all
    classes."""
    class_specific: ClassVar[bool] = True
    """Whether each class has a map of its own; otherwise all have the same, which says nothing of which class it is."""
    gradients: ClassVar[Gradients] = "none"
    """The gradients for its own images that the method needs."""

    def __call__(self, model: nn.Module, images: Tensor, targets: Sequence[int] | Tensor | None = None) -> Explanation:
        """Explain `images` `(B,C,H,W)`, float in [0,1], by a weight map for each class.

        `targets` names the classes wanted: `(T,)`, or `(B,T)` where they differ from image to image; None is all.
        Raises `InputError` where the method does not fit the network, the network does not take the images, does not
        return logits `(B,K)`, or lets images of a batch change each other, and where pixels are not in [0,1].
        """
        with inspected(model, images, targets, self.gradients) as forward_pass:
            return self.explain(forward_pass)

    def explain(self, forward_pass: ForwardPass) -> Explanation:
        self.check_fits(forward_pass.model)
        return Explanation(forward_pass.logits, self.weight_maps(forward_pass))

    def check_fits(self, model: nn.Module) -> None:
        reason = self.misfit(model)
        if reason:
            raise InputError(f"{self!r} does not fit {type(model).__name__}: {reason}")

    @abstractmethod
    def weight_maps(self, forward_pass: ForwardPass) -> Tensor:
        """Compute the maps `(B,T,d,h,w)` of the pass's targets: the method's mathematics and nothing else."""

    def misfit(self, model: nn.Module) -> str:
        """Return why the method does not fit this network, or an empty string."""
        return ""

    def by_construction(self, model: nn.Module) -> Mapping[str, str]:
        """Return the renderings whose sums must follow the logits whatever the network learned: by name, with the
        reason.
        """
        return {}

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in sorted(vars(self).items()))
        return f"{type(self).__name__}({settings})"


def fitting(visualizers: Mapping[str, Visualizer], model: nn.Module) -> dict[str, Visualizer]:
    """Return the visualizers that fit a network, by name."""
    return {name: visualizer for name, visualizer in visualizers.items() if not visualizer.misfit(model)}


def none_fits(visualizers: Iterable[str], *network: str) -> InputError:
    """Return the error for visualizers of which none fits; `network` is its name if there is only one."""
    which = " ".join(["fits", *network])
    return InputError(f"none of the visualizers {listed(visualizers)} {which}; choose others with visualizer=")


def explain_with(visualizers: Mapping[str, Visualizer], model: nn.Module, images: Tensor) -> dict[str, Explanation]:
    """Explain one batch by several visualizers; what they have in common is computed once.

    Returns the explanations by the visualizers' names. Raises `InputError` as a single visualizer does.

    >>> import gcm, torch
    >>> both = {"cam": gcm.visualizer.CAM(), "saliency": gcm.visualizer.Saliency()}
    >>> found = gcm.visualizer.explain_with(both, gcm.load("cnn_digits"), torch.zeros(1, 1, 32, 32))
    >>> {name: tuple(explanation.maps.shape) for name, explanation in found.items()}
    {'cam': (1, 10, 1, 8, 8), 'saliency': (1, 10, 1, 32, 32)}
    """
    wanted = {visualizer.gradients for visualizer in visualizers.values()}
    most: Gradients = "guided" if "guided" in wanted else "plain" if "plain" in wanted else "none"
    with inspected(model, images, None, most) as forward_pass:
        return {name: visualizer.explain(forward_pass) for name, visualizer in visualizers.items()}


@contextmanager
def inspected(
    model: nn.Module, images: Tensor, targets: Sequence[int] | Tensor | None = None, gradients: Gradients = "none"
) -> Iterator[ForwardPass]:
    """Put the network in evaluation mode and yield its forward pass; afterwards every submodule is back in its own
    mode.
    """
    network = uncompiled(model)
    check_entering(network, images)
    with evaluation_mode(network), eager(network), torch.inference_mode(False), torch.no_grad():
        own = outside_inference(images.detach().as_subclass(Tensor))
        check_each_alone(network, own, gradients != "none")
        yield ForwardPass(network, own, checked_targets(targets, images), gradients)


def checked_targets(targets: Sequence[int] | Tensor | None, images: Tensor) -> Tensor | None:
    if targets is None:
        return None
    try:
        indices = torch.as_tensor(targets, device=images.device)
    except (TypeError, ValueError, RuntimeError) as error:  # no numbers, or ragged
        raise InputError(f"targets must be class indices (T,) or ({len(images)},T): {error}") from None
    check_targets(indices, len(images))
    return outside_inference(indices.long())


def outside_inference(values: Tensor) -> Tensor:
    """Return a tensor that autograd can use; it is a copy only if `values` were made in inference mode."""
    return values.clone() if values.is_inference() else values
