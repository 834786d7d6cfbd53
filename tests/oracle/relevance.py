"""Relevance handed back through a chain of layers, each as one matrix, by the rules of `relevance_by_hand`."""

import numpy as np
import torch
from oracle.layer import BatchNorm, Centring, Convolution, Dense, MaxPooling, MeanOfPlaces
from relevance_by_hand import by_hand


def relevance(network, composite, image, k):
    """Of logit `k`, `(C,H,W)`; begins with the logit itself."""
    layers = network.features.layers + network.head.layers
    values = [image]
    for layer in layers:
        values.append(layer.forward(values[-1]))
    rules = rules_by_position(layers, composite)
    left = np.eye(network.classes)[k] * values[-1]
    for place in reversed(range(len(layers))):
        layer, x = layers[place], values[place]
        if isinstance(layer, Convolution):
            after = layers[place + 1] if place + 1 < len(layers) else None
            left = through_matrix(layer, after, rules[place], x, left, pixel_bounds(layers[:place], x))
        elif isinstance(layer, MaxPooling):
            left = layer.backward(x, left)
        elif isinstance(layer, MeanOfPlaces):
            left = in_proportion(x, left)
    return left


def rules_by_position(layers, composite):
    """Pixels; the first half, rounded up, of the other convolutions; their second half; linear layers."""
    convolutions = [place for place, layer in enumerate(layers) if type(layer) is Convolution]
    first, *others = convolutions
    half = (len(others) + 1) // 2
    rules = {place: composite.linear for place, layer in enumerate(layers) if isinstance(layer, Dense)}
    rules |= {place: composite.lower if number < half else composite.upper for number, place in enumerate(others)}
    return {first: composite.pixels, **rules}


def pixel_bounds(before, x):
    """The least and largest value that each input can have, where it is a pixel, centred or not."""
    if any(not isinstance(layer, Centring) for layer in before):
        return None
    low, high = np.zeros(x.shape), np.ones(x.shape)
    for layer in before:
        low, high = layer.forward(low), layer.forward(high)
    return low, high


def through_matrix(layer, after, rule, x, left, bounds):
    """`(O,I)` weights and `(O)` biases; a batch normalisation that follows is part of the layer."""
    found = layer.connections(x.shape)
    matrix = np.zeros((np.prod(found.output_shape), x.size))
    matrix[found.outputs, found.inputs] = layer.weight.flatten()[found.weights]
    at_zero = layer.forward(np.zeros(x.shape))
    if isinstance(after, BatchNorm):
        at_zero = after.forward(at_zero)
        matrix = np.array([after.backward(at_zero, row.reshape(at_zero.shape)).flatten() for row in matrix.T]).T
    low, high = bounds if bounds is not None else (None, None)
    arrays = (x, matrix, at_zero.flatten(), left.flatten(), low, high)
    x, matrix, biases, left, low, high = (None if array is None else torch.from_numpy(array) for array in arrays)
    flat_bounds = (None, None) if low is None else (low.flatten(), high.flatten())
    return by_hand(rule, x.flatten(), matrix, biases, left, *flat_bounds).view_as(x).numpy()


def in_proportion(x, left):
    """Each input of a mean gets its share of the sum."""
    back = np.zeros(x.shape)
    for d, plane in enumerate(x):
        if plane.sum():
            back[d] = plane / plane.sum() * left[d]
    return back
