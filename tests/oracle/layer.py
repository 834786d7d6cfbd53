"""Layers for one image and their derivatives, as sums over connections; no batch, no groups, no autograd.

A connection says that one output gets one weight times one input: `y[o] = b + sum w[k] x[i]`. Whatever is linear is a
list of them, and read backwards, `dx[i] = sum w[k] dy[o]`, they are its derivative.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np


class Connections(NamedTuple):
    """Places in the flattened arrays, one entry for each connection."""

    outputs: np.ndarray
    inputs: np.ndarray
    weights: np.ndarray
    output_shape: tuple[int, ...]


@cache
def convolution_connections(shape, weight_shape, stride, padding):
    """`y[o,r,c] = sum_iuv w[o,i,u,v] x[i, stride r + u - padding, stride c + v - padding]`, 0 beyond the border."""
    channels, height, width = shape
    filters, _, kernel_height, kernel_width = weight_shape
    rows = (height + 2 * padding - kernel_height) // stride + 1
    columns = (width + 2 * padding - kernel_width) // stride + 1
    found = []
    for o, r, c in np.ndindex(filters, rows, columns):
        for i, u, v in np.ndindex(channels, kernel_height, kernel_width):
            row, column = stride * r + u - padding, stride * c + v - padding
            if 0 <= row < height and 0 <= column < width:
                output = (o * rows + r) * columns + c
                pixel = (i * height + row) * width + column
                found.append((output, pixel, ((o * channels + i) * kernel_height + u) * kernel_width + v))
    return Connections(*np.array(found).T, (filters, rows, columns))


@dataclass(frozen=True)
class Convolution:
    """Weight `(O,I,k,k)`."""

    weight: np.ndarray
    bias: np.ndarray | None = None
    stride: int = 1
    padding: int = 0

    def connections(self, shape):
        return convolution_connections(shape, self.weight.shape, self.stride, self.padding)

    def forward(self, x):
        y = weighted_sums(self.connections(x.shape), self.weight, x)
        return y if self.bias is None else y + self.bias.reshape(-1, *[1] * (y.ndim - 1))  # one for each channel

    def backward(self, x, gradient):
        found = self.connections(x.shape)
        back = np.zeros(x.size)
        np.add.at(back, found.inputs, self.weight.flatten()[found.weights] * gradient.flatten()[found.outputs])
        return back.reshape(x.shape)


@dataclass(frozen=True)
class TransposedConvolution(Convolution):
    """Weight `(I,O,k,k)`: the connections of the convolution that makes the inputs out of outputs of `size`, backwards."""

    size: tuple[int, int] = (0, 0)

    def connections(self, shape):
        outputs = (self.weight.shape[1], *self.size)
        found = convolution_connections(outputs, self.weight.shape, self.stride, self.padding)
        assert found.output_shape == shape
        return Connections(found.inputs, found.outputs, found.weights, outputs)


@dataclass(frozen=True)
class Dense(Convolution):
    """Weight `(O,I)`, whatever the shape of the `I` inputs."""

    def connections(self, shape):
        outputs, inputs = self.weight.shape
        assert inputs == np.prod(shape)
        return Connections(*np.indices((outputs, inputs)).reshape(2, -1), np.arange(self.weight.size), (outputs,))


def weighted_sums(found, weight, x):
    y = np.zeros(np.prod(found.output_shape))
    np.add.at(y, found.outputs, weight.flatten()[found.weights] * x.flatten()[found.inputs])
    return y.reshape(found.output_shape)


@dataclass(frozen=True)
class Centring:
    """`x - mean` of each channel."""

    mean: np.ndarray

    def forward(self, x):
        return x - self.mean.reshape(-1, 1, 1)

    def backward(self, x, gradient):
        return gradient


@dataclass(frozen=True)
class BatchNorm:
    """`scale (x - mean) / sqrt(variance + 1e-5) + shift` (Ioffe and Szegedy, 2015, algorithm 2)."""

    mean: np.ndarray
    variance: np.ndarray
    scale: np.ndarray
    shift: np.ndarray

    def forward(self, x):
        normalized = np.empty_like(x)
        for c in range(len(x)):
            deviation = (self.variance[c] + 1e-5) ** 0.5
            normalized[c] = self.scale[c] * (x[c] - self.mean[c]) / deviation + self.shift[c]
        return normalized

    def backward(self, x, gradient):
        back = np.empty_like(x)
        for c in range(len(x)):
            back[c] = self.scale[c] * gradient[c] / (self.variance[c] + 1e-5) ** 0.5
        return back


class ReLU:
    """Its three ways back are those of figure 1 of Springenberg et al., 2015."""

    def forward(self, x):
        return np.where(x > 0, x, 0.0)

    def backward(self, x, gradient, way="plain"):
        opened, positive = x > 0, gradient > 0
        passes = {"plain": opened, "deconvnet": positive, "guided": opened & positive}[way]
        return np.where(passes, gradient, 0.0)


class MaxPooling:
    """2x2, stride 2; what does not fill a window is left out. Of equal values the first in reading order wins."""

    def winners(self, x):
        channels, height, width = x.shape
        for i, r, c in np.ndindex(channels, height // 2, width // 2):
            window = [(i, row, column) for row in (2 * r, 2 * r + 1) for column in (2 * c, 2 * c + 1)]
            yield (i, r, c), max(window, key=lambda place: x[place])

    def forward(self, x):
        pooled = np.zeros((len(x), x.shape[1] // 2, x.shape[2] // 2))
        for place, winner in self.winners(x):
            pooled[place] = x[winner]
        return pooled

    def backward(self, x, gradient):
        back = np.zeros(x.shape)
        for place, winner in self.winners(x):
            back[winner] += gradient[place]
        return back


class MeanOfPlaces:
    """Global average pooling, `(D,h,w)` to `(D,)`."""

    def forward(self, x):
        return np.array([sum(map(float, plane.flatten())) / plane.size for plane in x])

    def backward(self, x, gradient):
        back = np.empty_like(x)
        for d, plane in enumerate(x):
            back[d] = gradient[d] / plane.size
        return back


@dataclass(frozen=True)
class Chain:
    """One layer after the other."""

    layers: list

    def values(self, x):
        """The input of each layer, and last the output."""
        values = [x]
        for layer in self.layers:
            values.append(layer.forward(values[-1]))
        return values

    def forward(self, x):
        return self.values(x)[-1]

    def backward(self, x, gradient, way="plain"):
        """The gradient for `x`, given that for the output."""
        for layer, value in reversed(list(zip(self.layers, self.values(x)[:-1], strict=True))):
            ways = [way] if isinstance(layer, ReLU) else []
            gradient = layer.backward(value, gradient, *ways)
        return gradient
