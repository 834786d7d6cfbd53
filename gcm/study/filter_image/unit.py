"""Units of a network whose favourite input is looked for: channels of a layer, filter paths."""

import difflib
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from gcm.error import InputError, listed
from gcm.model import Classifier, PathNetwork, evaluation_mode
from gcm.study.layer_output import recorded_outputs

Units = Callable[[Tensor], Tensor]
"""A function from images `(B,C,H,W)` to how strongly each unit is activated, `(B,U)`: the mean over all places of its
map.
"""


def channels_of(network: Classifier, layer: str) -> Units:
    """Return the channels of a layer's output, after its activation if the layer is one.

    `layer` is the module's dotted name. Raises `InputError` for a name that the network does not have.
    """
    modules = dict(network.named_modules())
    names = [name for name in modules if name]
    if layer not in names:
        close = difflib.get_close_matches(layer, names, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise InputError(f"{type(network).__name__} has no layer {layer!r}{hint} It has {listed(names)}")

    def units(images: Tensor) -> Tensor:
        with evaluation_mode(network), recorded_outputs({layer: modules[layer]}) as outputs:
            network(images.clone())
        if not outputs:
            raise InputError(f"layer {layer} is not called when {type(network).__name__} computes its scores")
        output: Tensor = outputs[layer][0]
        return output.flatten(2).mean(2) if output.ndim > 2 else output  # (B,U,h,w) -> (B,U)

    return units


def layers_called(network: Classifier) -> list[str]:
    """Return the names of the layers, those without parts of their own, that are called when scores are computed."""
    layers = {name: module for name, module in network.named_modules() if not list(module.children())}
    with torch.no_grad(), evaluation_mode(network), recorded_outputs(layers) as outputs:
        network(torch.zeros(1, *network.spec.shape, device=next(network.parameters()).device))
    return list(outputs)


def paths_of(network: PathNetwork) -> Units:
    """Return the filter paths, `(B,F1*F2)`: what each puts into its second-layer map, or, if it inhibits, takes from
    it.
    """
    signs = path_signs(network)[:, :, None, None]
    return lambda images: F.relu(signs * network.path_maps(network.first_maps(images))).mean((3, 4)).flatten(1)


def path_signs(network: PathNetwork) -> Tensor:
    """Return 1 for a path whose second filter's weights add up to 0 or more, -1 for one that inhibits, `(F1,F2)`."""
    sums = network.convolution2.weight.detach().sum((2, 3)).T  # (F2,F1) -> (F1,F2)
    return 1 - 2 * (sums < 0).to(sums.dtype)
