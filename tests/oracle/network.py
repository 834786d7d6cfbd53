"""The networks written out layer by layer in float64, with the weights of the real ones."""

from dataclasses import dataclass

import numpy as np
from oracle.layer import (
    BatchNorm,
    Centring,
    Chain,
    Convolution,
    Dense,
    MaxPooling,
    MeanOfPlaces,
    ReLU,
    TransposedConvolution,
)


class Weights:
    """Those of a network by the names that its `state_dict` has for them."""

    def __init__(self, network):
        self.values = {name: value.detach().double().numpy() for name, value in network.state_dict().items()}

    def __call__(self, name):
        return self.values.get(name)

    def normalization(self, name, channels=slice(None)):
        parts = ("running_mean", "running_var", "weight", "bias")
        return BatchNorm(*(self(f"{name}.{part}")[channels] for part in parts))

    def block(self, convolution, normalization, kind, *settings, part=slice(None), made=slice(None)):
        """Convolution, batch normalisation and ReLU: of the weights a `part`, of the channels those `made`."""
        bias = self(f"{convolution}.bias")
        layer = kind(self(f"{convolution}.weight")[part], None if bias is None else bias[made], *settings)
        return [layer, self.normalization(normalization, made), ReLU()]


class Network:
    """What the oracles of visualizers ask."""

    def logits(self, image):
        raise NotImplementedError

    def gradient(self, image, k, way="plain"):
        """Of logit `k` for the image, `(C,H,W)`."""
        raise NotImplementedError


class GCM(Network):
    """A decoder for each class, whatever they share, each run by itself.

    Equations 1 to 4 of the GCM paper; layers 1 to 15 as in the table of the reconstruction.
    """

    def __init__(self, network, widths, shared_depth, height, width):
        self.weights, self.classes = Weights(network), len(network.spec.classes)
        self.widths, self.shared_depth, self.clipped = widths, shared_depth, network.clipped
        encoder = []
        for layer in range(10):
            stride, padding = 2 if layer in (3, 6) else 1, 0 if layer == 9 else 1
            encoder += self.weights.block(
                f"encoder.{3 * layer}", f"encoder.{3 * layer + 1}", Convolution, stride, padding
            )
        self.chains = [Chain(encoder + self.decoder(k, height, width)) for k in range(self.classes)]

    def decoder(self, k, height, width):
        """Layers 11 to 15 of class `k`."""
        full, half, _ = self.widths

        def own(layer, channels):
            """The class's channels of what a layer makes: all where it is shared."""
            return slice(k * channels, (k + 1) * channels) if layer - 11 >= self.shared_depth else slice(None)

        made11, made12, made13, made14 = own(11, half), own(12, half), own(13, full), own(14, full)
        everything = slice(None)
        read13 = (made12, everything) if self.shared_depth < 2 else (everything, made13)  # (inputs, outputs)
        halfway = ((height + 1) // 2, (width + 1) // 2)
        last = self.weights("decoder.class_layer.weight")[[k]], self.weights("decoder.class_layer.bias")[[k]]
        enlarge1, enlarge2 = (
            (f"decoder.{name}.convolution", f"decoder.{name}.normalization") for name in ("enlarge1", "enlarge2")
        )
        convolve1, convolve2 = ((f"decoder.{name}.0", f"decoder.{name}.1") for name in ("convolve1", "convolve2"))
        block = self.weights.block
        return [
            *block(*enlarge1, TransposedConvolution, 2, 1, halfway, part=(everything, made11), made=made11),
            *block(*convolve1, Convolution, 1, 1, part=made12, made=made12),
            *block(*enlarge2, TransposedConvolution, 2, 1, (height, width), part=read13, made=made13),
            *block(*convolve2, Convolution, 1, 1, part=made14, made=made14),
            Convolution(*last, 1, 1),
            *([ReLU()] if self.clipped else []),
        ]

    def weight_map(self, image, k):
        """CWM, equation 1: `(H,W)`."""
        return self.chains[k].forward(image)[0]

    def contribution_map(self, image, k):
        """CCM, equations 2 and 3: the weight map copied to every channel, times the image."""
        weight_map = self.weight_map(image, k)
        contributions = np.empty_like(image)
        for d, r, c in np.ndindex(image.shape):
            contributions[d, r, c] = weight_map[r, c] * image[d, r, c]
        return contributions

    def score(self, image, k):
        """Equation 4."""
        rows, columns, depth = image.shape[1], image.shape[2], image.shape[0]
        return sum(map(float, self.contribution_map(image, k).flatten())) / (rows * columns * depth)

    def logits(self, image):
        return np.array([self.score(image, k) for k in range(self.classes)])

    def gradient(self, image, k, way="plain"):
        """Equation 6 by the product rule: the image works as what is weighted, and through the weights."""
        directly = np.repeat(self.weight_map(image, k)[None], len(image), 0) / image.size
        through_weights = image.sum(0, keepdims=True) / image.size
        return directly + self.chains[k].backward(image, through_weights, way)


@dataclass(frozen=True)
class InTwoSteps(Network):
    """`logits = head(features(image))`."""

    features: Chain
    head: Chain

    @property
    def classes(self):
        return len(self.head.layers[-1].bias)

    def logits(self, image):
        return self.head.forward(self.features.forward(image))

    def feature_gradient(self, image, k, way="plain"):
        return self.head.backward(self.features.forward(image), np.eye(self.classes)[k], way)

    def gradient(self, image, k, way="plain"):
        return self.features.backward(image, self.feature_gradient(image, k, way), way)


def cnn(network):
    """Centring, the encoder's nine layers, a 3x3 and a 1x1 layer; global average pooling and one linear layer."""
    weights, layers = Weights(network), [Centring(network.trunk[0].mean.numpy())]
    resolutions = (len(network.trunk) - 1) // 9
    for layer in range(3 * resolutions + 2):
        stride = 2 if layer in range(3, 3 * resolutions, 3) else 1
        padding = 0 if layer == 3 * resolutions + 1 else 1
        layers += weights.block(f"trunk.{1 + 3 * layer}", f"trunk.{2 + 3 * layer}", Convolution, stride, padding)
    return InTwoSteps(Chain(layers), Chain([MeanOfPlaces(), dense(weights, "linear")]))


def lenet(network):
    """Two convolutions, two poolings, one linear layer (figure 1 of the filter-contribution paper)."""
    weights = Weights(network)
    first, second = (Convolution(weights(f"{name}.weight"), weights(f"{name}.bias"))
                     for name in ("convolution1", "convolution2"))  # fmt: skip
    features = Chain([first, ReLU(), MaxPooling(), second, ReLU()])
    return InTwoSteps(features, Chain([MaxPooling(), dense(weights, "linear")]))


def lab_cnn(network):
    weights = Weights(network)
    first, second = (Convolution(weights(f"convolutions.{place}.weight"), weights(f"convolutions.{place}.bias"))
                     for place in (0, 3))  # fmt: skip
    features = Chain([first, ReLU(), MaxPooling(), second, ReLU()])
    return InTwoSteps(features, Chain([MaxPooling(), dense(weights, "mlp.3"), ReLU(), dense(weights, "mlp.6")]))


def dense(weights, name):
    return Dense(weights(f"{name}.weight"), weights(f"{name}.bias"))


def skip_decoder(decoder, features):
    """Class weight maps `(K,H,W)` of `GCMBackbone` from feature maps `(D,h,w)`, from fine to coarse, None where there
    are none: again and again twice as large, beside the encoder's maps of that resolution, narrowed; last the class
    layer."""
    weights, decoded = Weights(decoder), features[-1]
    for number, skip in enumerate(reversed(features[:-1])):
        twice = 2 * decoded.shape[1], 2 * decoded.shape[2]
        name = f"enlarge.{number}"
        enlarge = weights.block(f"{name}.convolution", f"{name}.normalization", TransposedConvolution, 2, 1, twice)
        decoded = Chain(enlarge).forward(decoded)
        if skip is not None:
            narrow = weights.block(f"narrow.{number}.0", f"narrow.{number}.1", Convolution, 1, 0)
            decoded = np.concatenate([decoded, Chain(narrow).forward(skip)])
        decoded = Chain(weights.block(f"convolve.{number}.0", f"convolve.{number}.1", Convolution, 1, 1)).forward(
            decoded
        )
    return Convolution(weights("class_layer.weight"), weights("class_layer.bias"), 1, 1).forward(decoded)
