"""The rule for pixels goes with the image on every way to the first layer, however the calls are written."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.transforms.functional import normalize

from gcm.error import InputError
from gcm.visualizer import LRP, DeepTaylor

VISUALIZERS = {
    "lrp": LRP(),
    "deep_taylor": DeepTaylor(),
    "alpha_beta": LRP(pixels="alpha_beta", lower="epsilon"),
    "gamma": LRP(pixels="gamma", lower="alpha_beta"),
}


class Prepared(nn.Module):
    """Layers behind `prepare`, which makes 8x8 maps of `channels` from the image."""

    def __init__(self, prepare, channels: int) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.prepare = prepare
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 4, 3),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 5, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(80, 3),
        ).double()

    def forward(self, images):
        return self.layers(self.prepare(images))


def image(channels: int, size: int) -> torch.Tensor:
    return torch.rand(2, channels, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def written(shape, where, values):
    """Into zeros of that shape."""
    made = torch.zeros(shape, dtype=torch.float64)
    made[where] = values
    return made


def both_written(images):
    made = torch.empty(2, 6, 8, 8, dtype=torch.float64)
    made[:, :3] = images
    made[:, 3:] = 1 - images
    return made


def into_a_view(images):
    made = torch.zeros(2, 3, 8, 8, dtype=torch.float64)
    made.view(-1, 3, 64).copy_(images.view(-1, 1, 64))
    return made


def one_by_one(images):
    made = images.new_empty(2, 3, 8, 8)
    for channel in range(3):
        made[:, channel].copy_(images[:, 0])
    return made


EVERYWHERE, INSIDE = (slice(None), slice(None)), (slice(None), slice(None), slice(1, 7), slice(1, 7))
ORDER = [1, 0, 1, 2, 3, 4, 5, 4]
WAYS = {
    "grey to colour": (
        image(1, 8),
        3,
        {
            "expand": lambda x: x.expand(-1, 3, -1, -1),
            "cat": lambda x: torch.cat([x, x, x], 1),
            "cat by name": lambda x: torch.cat(tensors=[x, x, x], dim=1),
            "concat": lambda x: torch.concat((x, x, x), 1),
            "repeat": lambda x: x.repeat(1, 3, 1, 1),
            "tile": lambda x: x.tile(1, 3, 1, 1),
            "repeat_interleave": lambda x: x.repeat_interleave(3, 1),
            "stack": lambda x: torch.stack([x, x, x], 1).flatten(1, 2),
            "index": lambda x: x[:, [0, 0, 0]],
            "index_select": lambda x: torch.index_select(input=x, dim=1, index=torch.tensor([0, 0, 0])),
            "hstack": lambda x: torch.hstack([x, x, x]),
            "written": lambda x: written((2, 3, 8, 8), EVERYWHERE, x),
            "written into a view": into_a_view,
            "written one by one": one_by_one,
            "of its type": lambda x: x * torch.ones(1, 3, 1, 1).to(x) + torch.zeros(1).type_as(x),
            "times ones": lambda x: x * torch.ones(1, 3, 1, 1, dtype=torch.float64),
            "squeezed": lambda x: torch.squeeze(input=x, dim=1).unsqueeze(dim=1).expand(2, 3, 8, 8),
            "split": lambda x: torch.cat(x.expand(2, 3, 8, 8).split(1, 1), 1),
            "unbound": lambda x: torch.stack(x.expand(2, 3, 8, 8).unbind(1), 1),
            "mean by name": lambda x: torch.mean(input=x, dim=1, keepdim=True).expand(2, 3, 8, 8),
            "enlarged": lambda x: F.interpolate(input=x.expand(2, 3, 8, 8), size=(8, 8)),
        },
    ),
    "centred": (
        image(3, 8),
        3,
        {
            "operators": lambda x: (x - 0.4) / 0.5,
            "by name": lambda x: torch.div(input=torch.sub(input=x, other=0.4), other=0.5),
            "turned round": lambda x: -(0.4 - x) * 2,
            "rsub": lambda x: torch.rsub(x, 0.4).neg() / 0.5,
            "times": lambda x: 2 * torch.subtract(x, 0.4),
            "in place": lambda x: x.sub_(0.4).div_(0.5),
            "torchvision": lambda x: normalize(x, [0.4] * 3, [0.5] * 3),
        },
    ),
    "image and its negative": (
        image(3, 8),
        6,
        {
            "cat": lambda x: torch.cat([x, 1 - x], 1),
            "stack": lambda x: torch.stack([x, 1 - x], 1).flatten(1, 2),
            "by name": lambda x: torch.cat(dim=1, tensors=(x, torch.rsub(input=x, other=1.0))),
            "written": both_written,
        },
    ),
    "black frame": (
        image(3, 6),
        3,
        {
            "pad": lambda x: F.pad(x, (1, 1, 1, 1)),
            "by name": lambda x: F.pad(input=x, pad=(1, 1, 1, 1), mode="constant", value=0.0),
            "module": nn.ZeroPad2d(1),
            "written": lambda x: written((2, 3, 8, 8), INSIDE, x),
        },
    ),
    "mirrored frame": (
        image(3, 6),
        3,
        {
            "pad": lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
            "index": lambda x: x[:, :, ORDER][:, :, :, ORDER],
        },
    ),
    "half the size": (
        image(3, 16),
        3,
        {
            "pool": lambda x: F.avg_pool2d(x, 2),
            "by name": lambda x: F.avg_pool2d(input=x, kernel_size=2),
            "to a size": lambda x: F.adaptive_avg_pool2d(input=x, output_size=8),
            "mean": lambda x: x.unflatten(2, (8, 2)).unflatten(4, (8, 2)).mean((3, 5)),
            "area": lambda x: F.interpolate(x, scale_factor=0.5, mode="area"),
        },
    ),
    "largest of four": (
        image(3, 16),
        3,
        {
            "pool": lambda x: F.max_pool2d(x, 2),
            "by name": lambda x: F.max_pool2d(input=x, kernel_size=2),
            "torch": lambda x: torch.max_pool2d(x, 2),
            "with places": lambda x: F.max_pool2d(x, 2, return_indices=True)[0],
        },
    ),
    "blue first": (
        image(3, 8),
        3,
        {
            "flip": lambda x: x.flip(1),
            "index": lambda x: x[:, [2, 1, 0]],
            "stack": lambda x: torch.stack([x[:, 2], x[:, 1], x[:, 0]], 1),
            "cat": lambda x: torch.cat([x[:, 2:], x[:, 1:2], x[:, :1]], 1),
            "channels last": lambda x: x.permute(0, 2, 3, 1)[..., [2, 1, 0]].movedim(-1, 1),
        },
    ),
}
CASES = [(kind, way) for kind, (_, _, ways) in WAYS.items() for way in list(ways)[1:]]


@pytest.mark.parametrize("visualizer", VISUALIZERS.values(), ids=VISUALIZERS)
@pytest.mark.parametrize(("kind", "way"), CASES)
def test_however_it_is_written(kind, way, visualizer):
    """The same map as by the first way of the kind."""
    images, channels, ways = WAYS[kind]
    expected = visualizer(Prepared(next(iter(ways.values())), channels).eval(), images)
    found = visualizer(Prepared(ways[way], channels).eval(), images)
    torch.testing.assert_close(found.logits, expected.logits)
    torch.testing.assert_close(found.maps, expected.maps, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", WAYS)
def test_the_rule_is_that_for_pixels(kind):
    """And is conserved, but for biases, of which there are none."""
    images, channels, ways = WAYS[kind]
    for way in ways.values():
        network = Prepared(way, channels).eval()
        for layer in network.layers:
            if hasattr(layer, "bias"):
                nn.init.zeros_(layer.bias)
        first, *others = DeepTaylor().conservation(network, images)
        assert first.rule == "Bounded()"
        assert "Bounded()" not in [layer.rule for layer in others]
        found = DeepTaylor()(network, images)
        torch.testing.assert_close(found.maps.sum((2, 3, 4)), found.logits, rtol=1e-6, atol=1e-9)


def test_by_hand():
    """Of pixel 0.2 and its negative 0.8, both with weight 1 and between 0 and 1, the first gets 0.2 of the logit 1 and
    the second 0.8; both are one pixel's. With weight -1 for the negative the logit is -0.6, whose causes are 0.8 by the
    negative and 1 - 0.2 by the pixel."""

    class Pixel(nn.Module):
        def __init__(self, weight) -> None:
            super().__init__()
            self.layer = nn.Conv2d(2, 1, 1, bias=False).double()
            self.layer.weight.data = torch.tensor([1.0, weight]).double().view(1, 2, 1, 1)

        def forward(self, images):
            return self.layer(torch.cat([images[:, :1], 1 - images[:, 1:]], 1)).flatten(1)

    images = torch.full((1, 2, 1, 1), 0.2, dtype=torch.float64)
    torch.testing.assert_close(DeepTaylor()(Pixel(1.0), images).maps.flatten().tolist(), [0.2, 0.8])
    torch.testing.assert_close(DeepTaylor()(Pixel(-1.0), images).maps.flatten().tolist(), [-0.3, -0.3])


def test_beside_other_values_the_image_keeps_its_bounds():
    """A layer that reads the image and a convolution of it: for the convolution's values it is the z+ rule."""

    class Beside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer = nn.Conv2d(1, 1, 1, bias=False).double(), nn.Conv2d(2, 1, 1, bias=False).double()
            self.inner.weight.data.fill_(3.0)
            self.outer.weight.data = torch.tensor([-1.0, 1.0]).double().view(1, 2, 1, 1)

        def forward(self, images):
            return self.outer(torch.cat([images, self.inner(images).relu()], 1)).flatten(1)

    images = torch.full((1, 1, 1, 1), 0.2, dtype=torch.float64)
    found = DeepTaylor()(Beside(), images)  # causes: (1 - 0.2) by the image, and 0.6 by the other, which hands it on
    torch.testing.assert_close(found.maps.flatten().tolist(), [0.4])


REFUSED = {
    "mul of values that autograd does not follow": lambda x: x * (x.detach() > 0.5),
    "conv2d of values that autograd does not follow": lambda x: F.conv2d(
        x.data, nn.Parameter(torch.ones(3, 3, 1, 1).double())
    ),
    "einsum": lambda x: torch.einsum("bchw,kc->bkhw", x, torch.ones(3, 3, dtype=torch.float64)),
    "add": lambda x: x + x.flip(2),
    "lerp": lambda x: torch.lerp(torch.zeros((), dtype=torch.float64), x, 2.0),
    "div": lambda x: torch.div(input=torch.ones((), dtype=torch.float64), other=x + 1),
    "clamp": lambda x: x.clamp(0, 1),
    "layer whose weights depend": lambda x: F.conv2d(x, x.mean((0, 2, 3)).expand(3, 3)[:, :, None, None]),
    "writing into values": lambda x: F.conv2d(x, torch.ones(3, 3, 1, 1, dtype=torch.float64)).mul_(x),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_rule_is_refused(name):
    with pytest.raises(
        InputError, match=f"relevance has no rule for .*{name.split()[-1] if name != 'div' else 'division'}"
    ):
        LRP()(Prepared(REFUSED[name], 3).eval(), image(3, 8)[:1])
