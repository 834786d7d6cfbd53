"""Layers of a network settle early or late in its training."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gcm.model import Classifier, evaluation_mode
from gcm.model.base import check_entering
from gcm.study.layer_output import recorded_outputs

HALF = 0.5
"""The share of its way before it at which a layer counts as settled."""


@dataclass(frozen=True)
class LayerState:
    """A layer at one step of a training.

    Attributes:
        weights: weights of the layer, flat.
        outputs: outputs for some images, `(N,…)`, before any activation.
    """

    weights: Tensor
    outputs: Tensor


@dataclass(frozen=True)
class LayerConvergence:
    """A layer's convergence is how far it still is from its end, as a share of the way from its beginning.

    Attributes:
        step: optimizer step.
        layer: its path.
        weights, outputs: distance to the last step's, in units of the distance from step 0 to the last.
        moved: change of the weights since the step looked at before, relative to their size; 0 at first.
    """

    step: int
    layer: str
    weights: float
    outputs: float
    moved: float


def layers_of(network: nn.Module) -> dict[str, nn.Module]:
    """Return convolutions and linear layers by path, in the order in which they are defined."""
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    return {path: module for path, module in network.named_modules() if isinstance(module, kinds)}


@torch.no_grad()
def layer_states(network: Classifier, images: Tensor) -> dict[str, LayerState]:
    """Return the state of every layer that is called; images `(N,C,H,W)`, float in [0,1]."""
    check_entering(network, images)
    layers = layers_of(network)
    with evaluation_mode(network), recorded_outputs(layers) as outputs:
        network(images.clone())
    return {
        path: LayerState(torch.cat([part.flatten() for part in layer.parameters()]), outputs[path][-1])
        for path, layer in layers.items()
        if path in outputs
    }


def layer_convergence(
    states: Iterable[tuple[int, Mapping[str, LayerState]]],
    first: Mapping[str, LayerState],
    last: Mapping[str, LayerState],
) -> list[LayerConvergence]:
    """Return the convergence for each step and layer; `states` in the order of steps, seen once."""
    found, before = [], first
    for step, now in states:
        found += [
            LayerConvergence(
                step,
                path,
                weights=way_left(now[path].weights, first[path].weights, last[path].weights),
                outputs=way_left(now[path].outputs, first[path].outputs, last[path].outputs),
                moved=float((now[path].weights - before[path].weights).norm() / before[path].weights.norm()),
            )
            for path in now
        ]
        before = now
    return found


def way_left(now: Tensor, first: Tensor, last: Tensor) -> float:
    whole = float((first - last).norm())
    return float((now - last).norm()) / whole if whole else 0.0


def converged_at(found: Iterable[LayerConvergence], layer: str, what: str) -> int:
    """Return the step from which on a layer's `weights` or `outputs` have less than half of their way before them."""
    rows = [row for row in found if row.layer == layer]
    open_still = [row.step for row in rows if getattr(row, what) > HALF]
    return next((row.step for row in rows if not open_still or row.step > open_still[-1]), rows[-1].step)
