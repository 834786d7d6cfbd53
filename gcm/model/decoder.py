"""GCM's decoder makes one weight map for each class from the code of an image, in part shared, in part per class."""

import torch
from torch import Tensor, nn

from gcm.model.contribution_mapping import ClassMapDecoder
from gcm.model.layer import convolution_block


class Enlarging(nn.Module):
    """Enlarges features to a given size: `(B,D,ceil(H/2),ceil(W/2))` to `(B,E,H,W)`.

    The layers are a transposed 3x3 convolution of stride 2, batch normalisation and a ReLU.
    """

    def __init__(self, inputs: int, outputs: int, groups: int, bias: bool) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, groups=groups, bias=bias)
        self.normalization = nn.BatchNorm2d(outputs)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: Tensor, size: tuple[int, int]) -> Tensor:
        fast = features.contiguous(memory_format=torch.channels_last)  # in others it takes several times as long
        enlarged: Tensor = self.activation(self.normalization(self.convolution(fast, output_size=list(size))))
        return enlarged


class Decoder(ClassMapDecoder):
    """GCM's decoder is layers 11 to 15: enlarge, convolve, enlarge, convolve, and a 3x3 convolution to one map for each
    class.

    The first `shared_depth` layers serve all classes. Each later one exists once for every class; the copies run side
    by side as one grouped convolution.
    """

    def __init__(self, widths: tuple[int, int, int], classes: int, shared_depth: int, bias: bool) -> None:
        super().__init__()
        full, half, quarter = widths
        copies = [1 if layer < shared_depth else classes for layer in range(4)]
        inputs = [1, *copies]  # copies of what a layer reads; a shared layer's output is read by all copies of the next
        self.shared = shared_depth == 4
        self.enlarge1 = Enlarging(quarter, half * copies[0], groups=inputs[0], bias=bias)
        self.convolve1 = nn.Sequential(
            *convolution_block(half * inputs[1], half * copies[1], groups=inputs[1], bias=bias)
        )
        self.enlarge2 = Enlarging(half * inputs[2], full * copies[2], groups=inputs[2], bias=bias)
        self.convolve2 = nn.Sequential(
            *convolution_block(full * inputs[3], full * copies[3], groups=inputs[3], bias=bias)
        )
        self.class_layer = nn.Conv2d(full * inputs[4], classes, 3, padding=1, groups=inputs[4])

    def forward(self, code: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the class layer's input, `(B,E,H,W)`, `E` times `K` where layer 14 is per class; `size` is the
        image's.
        """
        half_size = (size[0] + 1) // 2, (size[1] + 1) // 2
        halfway = self.convolve1(self.enlarge1(code, half_size))
        decoded: Tensor = self.convolve2(self.enlarge2(halfway, size))
        return decoded
