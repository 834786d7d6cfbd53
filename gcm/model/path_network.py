"""A path network has two convolutions and one linear layer: every logit splits exactly into its filter paths."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gcm.data.spec import ImageSpec
from gcm.error import InputError
from gcm.model.base import Contributions, FeatureClassifier, Interpretable, for_targets

LAYERS = "Conv2d, ReLU, pooling, Conv2d, ReLU, pooling, Flatten, Linear"
POOLINGS = (nn.MaxPool2d, nn.AvgPool2d)
EXPECTED: tuple[type[nn.Module] | tuple[type[nn.Module], ...], ...] = (
    nn.Conv2d, nn.ReLU, POOLINGS, nn.Conv2d, nn.ReLU, POOLINGS, nn.Flatten, nn.Linear,
)  # fmt: skip


class PathNetwork(FeatureClassifier, Interpretable):
    """A path network is convolution, ReLU, pooling, convolution, ReLU, pooling and one linear layer.

    A path is a filter `i` of the first layer, then a filter `j` of the second. The network is linear once its ReLUs and
    poolings are switched as the image switches them, so each logit is the sum of what the paths bring, and of what the
    biases bring. Source: the filter-contribution paper, section 3. `F1`, `F2`: filters of the layers; `p q`: size of
    the second layer's pooled maps.

    >>> import gcm, torch
    >>> network, image = gcm.load("tiny_lenet_digits"), torch.ones(1, 1, 32, 32)
    >>> network.filters
    (3, 3)
    >>> account = network.contributions(image)
    >>> torch.allclose(account.parts.sum((2, 3)) + account.rest, network(image), atol=1e-3)
    True
    """

    def __init__(
        self,
        spec: ImageSpec,
        convolution1: nn.Conv2d,
        pooling1: nn.Module,
        convolution2: nn.Conv2d,
        pooling2: nn.Module,
        linear: nn.Linear,
    ) -> None:
        """Take the layers; `pooling1` and `pooling2` are `MaxPool2d` or `AvgPool2d`.

        Raises `InputError` where the layers do not fit.
        """
        super().__init__(spec)
        self.convolution1, self.relu1, self.pooling1 = convolution1, nn.ReLU(), pooling1
        self.convolution2, self.relu2, self.pooling2 = convolution2, nn.ReLU(), pooling2
        self.linear = linear
        for layer in (convolution1, convolution2):
            if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
                raise InputError(
                    "the convolutions of a path network must be padded by zeros, so many of them as a number says"
                )
        if convolution2.groups != 1:
            raise InputError(f"the second convolution of a path network must have groups=1, got {convolution2.groups}")
        for pooling in (pooling1, pooling2):
            if getattr(pooling, "dilation", 1) not in (1, (1, 1)):
                raise InputError("the poolings of a path network must have dilation=1")
        with torch.no_grad():
            try:
                logits = self(torch.zeros(1, *spec.shape, dtype=linear.weight.dtype, device=linear.weight.device))
            except (RuntimeError, TypeError) as error:
                raise InputError(f"the layers do not fit together for images {spec.shape}: {error}") from None
        if logits.shape[1] != len(spec.classes):
            raise InputError(f"the linear layer has {logits.shape[1]} outputs for {len(spec.classes)} classes")

    @staticmethod
    def from_sequential(layers: nn.Sequential, spec: ImageSpec) -> "PathNetwork":
        """Return a network of the family that was built as `Sequential`; it shares the weights.

        Raises `InputError` that names the first layer that does not belong.
        """
        for place, expected in enumerate(EXPECTED):
            if place >= len(layers):
                raise InputError(f"layer {place} is missing; a path network has {LAYERS}")
            if not isinstance(layers[place], expected):
                raise InputError(f"layer {place} is {type(layers[place]).__name__}; a path network has {LAYERS}")
        if len(layers) > len(EXPECTED):
            raise InputError(
                f"layer {len(EXPECTED)} is {type(layers[len(EXPECTED)]).__name__}; a path network has {LAYERS}"
            )
        convolution1, _, pooling1, convolution2, _, pooling2, _, linear = layers
        assert isinstance(convolution1, nn.Conv2d)
        assert isinstance(convolution2, nn.Conv2d)
        assert isinstance(linear, nn.Linear)
        return PathNetwork(spec, convolution1, pooling1, convolution2, pooling2, linear)

    @property
    def filters(self) -> tuple[int, int]:
        """The number of filters of the layers: `F1`, `F2`."""
        return self.convolution1.out_channels, self.convolution2.out_channels

    def first_maps(self, images: Tensor) -> Tensor:
        """Return the first layer's maps after pooling, `(B,F1,h,w)`."""
        maps: Tensor = self.pooling1(self.relu1(self.convolution1(images)))
        return maps

    def features(self, images: Tensor) -> Tensor:
        """Return the second layer's maps before pooling, `(B,F2,h,w)`, the last that a convolution made."""
        return self.second_maps(self.first_maps(images))

    def second_maps(self, maps1: Tensor) -> Tensor:
        maps: Tensor = self.relu2(self.convolution2(maps1))
        return maps

    def head(self, features: Tensor) -> Tensor:
        logits: Tensor = self.linear(self.pooling2(features).flatten(1))
        return logits

    def contributions(self, images: Tensor, targets: Tensor | None = None) -> Contributions:
        """Return what each path brings to each class: `parts` `(B,K,F1,F2)`, and `rest` `(B,K)`.

        `rest` is the share of the second convolution's and the linear layer's biases; the first convolution's bias acts
        through its filter and is counted there. A tie in a pooling window goes to the pixel that the pooling itself
        takes.
        """
        self.check_images(images)
        self.check_targets(targets, images)
        maps1 = self.first_maps(images)
        maps2 = self.second_maps(maps1)
        passed = self._passed(maps1, maps2)
        brought = torch.einsum("bijpq,kjpq->bkij", passed, self._class_weights(passed))  # (B,K,F1+1,F2)
        parts, rest = brought[:, :, :-1], brought[:, :, -1].sum(2)
        if self.linear.bias is not None:
            rest = rest + self.linear.bias
        if targets is not None:
            parts, rest = for_targets(parts, targets), for_targets(rest, targets)
        return Contributions(self.head(maps2), parts, rest)

    def path_contribution_maps(self, images: Tensor, targets: Tensor | None = None) -> Tensor:
        """Return the small maps whose sums `contributions` gives: `(B,K,F1,F2,p,q)`, for target classes `(B,T,…)`."""
        self.check_images(images)
        self.check_targets(targets, images)
        maps1 = self.first_maps(images)
        passed = self._passed(maps1, self.second_maps(maps1))[:, :-1]
        maps = passed.unsqueeze(1) * self._class_weights(passed).unsqueeze(1)  # (B,1,F1,F2,p,q) * (K,1,F2,p,q)
        return maps if targets is None else for_targets(maps, targets)

    def path_maps(self, maps1: Tensor) -> Tensor:
        """Return what each first-layer map alone puts into each second-layer map, without bias: `(B,F1,F2,h,w)`."""
        layer = self.convolution2
        second, first, *kernel = layer.weight.shape
        one_by_one = layer.weight.transpose(0, 1).reshape(first * second, 1, *kernel)
        flat = F.conv2d(maps1, one_by_one, None, layer.stride, layer.padding, layer.dilation, groups=first)
        paths: Tensor = flat.unflatten(1, (first, second))
        return paths

    def _passed(self, maps1: Tensor, maps2: Tensor) -> Tensor:
        """Return how much of each path, and last of the second bias, gets through ReLU and pooling:
        `(B,F1+1,F2,p,q)`.
        """
        paths = self.path_maps(maps1)  # (B,F1,F2,h,w)
        bias = torch.zeros_like(paths[:, :1])
        if self.convolution2.bias is not None:
            bias = bias + self.convolution2.bias[:, None, None]
        values = torch.cat([paths, bias], 1)
        pooling = self.pooling2
        if isinstance(pooling, nn.AvgPool2d):
            flat = pooling((values * (maps2 > 0).unsqueeze(1)).flatten(1, 2))
            averaged: Tensor = flat.unflatten(1, values.shape[1:3])
            return averaged
        assert isinstance(pooling, nn.MaxPool2d)
        pooled, winners = F.max_pool2d(
            maps2,
            pooling.kernel_size,
            pooling.stride,
            pooling.padding,
            pooling.dilation,
            pooling.ceil_mode,
            return_indices=True,
        )  # both (B,F2,p,q)
        places = winners.flatten(2).unsqueeze(1).expand(-1, values.shape[1], -1, -1)  # (B,F1+1,F2,p*q)
        won: Tensor = values.flatten(3).gather(3, places).unflatten(3, pooled.shape[2:])
        return won * (pooled > 0).unsqueeze(1)

    def _class_weights(self, passed: Tensor) -> Tensor:
        """Return the linear layer's weights by class, filter and place, `(K,F2,p,q)`."""
        return self.linear.weight.view(-1, *passed.shape[2:])
