"""Relevance on whole networks: conserved, derived slowly, positions of rules, and what is refused."""

import pytest
import torch
from relevance_by_hand import by_hand
from sample import NETWORKS, images_of, randomized
from torch import nn
from torch.nn import functional as F

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import GCM
from gcm.visualizer import LRP, DeepTaylor
from gcm.visualizer.relevance import Bounded, ZPlus

SPEC = ImageSpec.of(3, 16, 5)


def without_biases(network):
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.zeros_(module.running_mean)
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)
    return network.double().eval()


LINEAR = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
CONSERVING = {
    "deep_taylor": DeepTaylor(),
    "lrp": LRP(),
    "upper": LRP(upper="epsilon"),
    "gamma": LRP("gamma", "gamma", "gamma", "gamma"),
    "epsilon": LRP("epsilon", "epsilon", "epsilon"),
    "alpha_beta": LRP("alpha_beta", "alpha_beta", "alpha_beta", "alpha_beta"),
}


@pytest.mark.parametrize("visualizer", CONSERVING.values(), ids=CONSERVING)
@pytest.mark.parametrize("name", NETWORKS)
def test_without_biases_every_layer_hands_on_what_it_receives(name, visualizer):
    network, images = without_biases(randomized(NETWORKS[name](SPEC))), images_of(SPEC, 2, torch.float64)
    explanation = visualizer(network, images)
    torch.testing.assert_close(explanation.maps.sum((2, 3, 4)), explanation.logits, rtol=1e-5, atol=1e-9)
    layers = visualizer.conservation(network, images)
    linear = [path for path, module in network.named_modules() if isinstance(module, LINEAR)]
    assert sorted(layer.layer for layer in layers) == sorted(linear)
    assert max(layer.residual for layer in layers) < 1e-5


def test_the_residual_says_what_biases_took():
    """Logits x + 1 and x: of the relevance 2 and 1 of x = 1 the bias takes 1, so 1 of 3."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    network[1].weight.data.fill_(1.0)
    network[1].bias.data = torch.tensor([1.0, 0.0])
    (layer,) = LRP("epsilon", epsilon=0.0).conservation(network, torch.ones(1, 1, 1, 1))
    assert layer.layer == "1"
    assert layer.rule == "Epsilon(epsilon=0.0)"
    assert layer.residual == pytest.approx(1 / 3)


def small_gcm(shared_depth):
    spec = ImageSpec.of(2, 7, 3)
    return randomized(GCM(spec, widths=(2, 3, 4), shared_depth=shared_depth)).double().eval(), images_of(
        spec, 1, torch.float64
    )


@pytest.mark.parametrize(
    "visualizer", [DeepTaylor(), LRP(), LRP("alpha_beta", "alpha_beta", "alpha_beta")], ids=["taylor", "lrp", "ab"]
)
@pytest.mark.parametrize("shared_depth", [4, 2])
@torch.no_grad()
def test_gcm_equals_a_derivation_one_matrix_a_layer(visualizer, shared_depth):
    """Every layer up to its ReLU as a matrix, found from what it does to unit vectors; then the formulas."""
    network, images = small_gcm(shared_depth)
    encoder, decoder = network.encoder, network.decoder
    blocks = [encoder[place : place + 2] for place in range(0, len(encoder), 3)]
    layers = [*blocks, enlarging(decoder.enlarge1, (4, 4)), decoder.convolve1[:2],
              enlarging(decoder.enlarge2, (7, 7)), decoder.convolve2[:2], decoder.class_layer]  # fmt: skip
    inputs = [images]
    for layer in layers[:-1]:
        inputs.append(layer(inputs[-1]).relu())
    logits = network(images)
    maps = visualizer(network, images).maps
    rules = [
        visualizer.composite.pixels,
        *[visualizer.composite.lower] * 4,
        *[visualizer.composite.upper] * (len(layers) - 5),
    ]
    for target in range(3):
        relevance = torch.zeros(1, 3, 7, 7, dtype=torch.float64)
        relevance[:, target] = network.contributions(images).parts[:, target].sum(1)
        for layer, rule, values in zip(reversed(layers), reversed(rules), reversed(inputs), strict=True):
            relevance = through_matrix(layer, rule, values, relevance)
        torch.testing.assert_close(maps[:, target], relevance)
        if visualizer == DeepTaylor():
            torch.testing.assert_close(relevance.sum(), logits[0, target])


def enlarging(layer, size):
    return lambda values: layer.normalization(layer.convolution(values, output_size=size))


def through_matrix(layer, rule, values, relevance):
    at_zero = layer(torch.zeros_like(values))
    basis = torch.eye(values.numel(), dtype=values.dtype).view(-1, *values.shape[1:])
    matrix = (layer(basis) - at_zero).flatten(1).T
    low, high = torch.zeros(values.numel()), torch.ones(values.numel())
    if isinstance(rule, Bounded) and values.shape[1] != 2:
        rule = ZPlus()
    handed = by_hand(rule, values.flatten(), matrix, at_zero.flatten(), relevance.flatten(), low, high)
    return handed.view_as(values)


def test_rules_by_position():
    layers = [layer for inputs in (3, 2, 2, 2) for layer in (nn.Conv2d(inputs, 2, 3, padding=1), nn.ReLU())]
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32, 2)).eval()
    visualizer = LRP("bounded", lower="gamma", upper="alpha_beta", linear="epsilon")
    rules = [layer.rule.partition("(")[0] for layer in visualizer.conservation(network, torch.rand(1, 3, 4, 4))]
    assert rules == ["Bounded", "Gamma", "Gamma", "AlphaBeta", "Epsilon"]


class Odd(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, values):
        return self.function(values)


class Exponential(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values):
        return values.exp()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


REFUSED = {
    "no rule": (Odd(lambda values: values * values.sigmoid()), r"sigmoid in 1\.0$"),
    "two results": (Odd(lambda values: values - torch.var_mean(values)[1]), r"var_mean in 1\.0$"),
    "product of maps": (Odd(lambda values: values * values), r"mul in 1\.0$"),
    "custom function": (Odd(Exponential.apply), "ExponentialBackward in Sequential$"),
    "division": (Odd(lambda values: 1 / values), r"truediv|div|reciprocal"),
    "layer of its own": (nn.BatchNorm2d(2), r"batch normalisation that does not follow a linear layer.* in 1\.0$"),
}


@pytest.mark.parametrize("relu", [lambda values: F.relu(values, True), torch.relu_, lambda values: values.relu()])
def test_a_relu_is_one_however_it_is_called(relu):
    def network_with(layer):
        return nn.Sequential(convolution, layer, nn.Flatten(), linear).eval()

    convolution, linear, images = nn.Conv2d(3, 2, 3), nn.Linear(8, 2), torch.rand(2, 3, 4, 4)
    expected = LRP()(network_with(nn.ReLU()), images).maps
    torch.testing.assert_close(LRP()(network_with(Odd(relu)), images).maps, expected)


@pytest.mark.parametrize("name", REFUSED)
def test_an_unknown_layer_is_refused_by_its_path(name):
    odd, message = REFUSED[name]
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Sequential(odd, nn.Flatten()), nn.Linear(8, 2)).eval()
    if name == "layer of its own":
        network.insert(1, nn.ReLU(inplace=True))
        message = message.replace("1", "2")
    with pytest.raises(InputError, match=f"relevance has no rule for .*{message}"):
        DeepTaylor()(network, torch.rand(1, 3, 4, 4))


def test_other_networks_that_cannot_be_followed_are_refused():
    images = torch.rand(1, 3, 4, 4)
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)).eval()
    with pytest.raises(InputError, match="no rule for a network without layers that it can see in Odd"):
        LRP()(Odd(lambda values: values.flatten(1)[:, :2]), images)
    by_image = nn.Sequential(Odd(lambda values: torch.div(torch.ones(1), values)), network)
    with pytest.raises(InputError, match="division by the image in 0"):
        LRP()(by_image, images)
    with pytest.raises(InputError, match="no rule for sigmoid in Odd"):
        LRP()(Odd(lambda values: network(values).sigmoid()), images)


class Branches(nn.Module):
    """Two convolutions of the image, each with its batch normalisation after both, and one that nobody needs."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.unused = (nn.Conv2d(3, 2, 3, bias=False) for _ in range(3))
        self.norms = nn.ModuleList([nn.BatchNorm2d(2), nn.BatchNorm2d(2)])
        self.linear = nn.Linear(16, 2)

    def forward(self, images):
        maps = self.first(images), self.second(images)
        self.unused(images)
        return self.linear(
            torch.cat([norm(of) for norm, of in zip(self.norms, maps, strict=True)], 1).relu().flatten(1)
        )


def test_batch_normalisation_joins_the_layer_before_it_also_in_branches():
    network = without_biases(randomized(Branches()))
    images = torch.rand(2, 3, 4, 4, dtype=torch.float64)
    layers = DeepTaylor().conservation(network, images)
    assert [layer.layer for layer in layers] == ["first", "second", "linear"]
    assert max(layer.residual for layer in layers) < 1e-10
    explanation = DeepTaylor()(network, images)
    torch.testing.assert_close(explanation.maps.sum((2, 3, 4)), explanation.logits)


@pytest.mark.parametrize(
    "before",
    [nn.Flatten(), nn.Sequential(Odd(lambda images: 0.5 - images.flip(3).contiguous()), nn.Flatten())],
    ids=["flattened", "moved"],
)
def test_the_layer_that_reads_pixels_gets_their_rule_whatever_was_done_to_them(before):
    network = (
        nn.Sequential(before, nn.Linear(12, 4, bias=False), nn.ReLU(), nn.Linear(4, 2, bias=False)).double().eval()
    )
    images = torch.rand(2, 3, 2, 2, dtype=torch.float64)
    assert [layer.rule for layer in DeepTaylor().conservation(network, images)] == ["Bounded()", "ZPlus()"]
    inputs = before(images)
    low, high = (0.0, 1.0) if isinstance(before, nn.Flatten) else (-0.5, 0.5)
    logits = network(images)
    hidden = network[1](inputs).relu()
    for image in range(2):
        for target in range(2):
            zeros, relevance = torch.zeros(1), logits[image, target].view(1)
            through = by_hand(ZPlus(), hidden[image], network[3].weight[target : target + 1], zeros, relevance, 0, 0)
            bounds = torch.full((12,), low), torch.full((12,), high)
            expected = by_hand(Bounded(), inputs[image], network[1].weight, torch.zeros(4), through, *bounds).view(
                3, 2, 2
            )
            expected = expected if isinstance(before, nn.Flatten) else expected.flip(2)
            torch.testing.assert_close(DeepTaylor()(network, images).maps[image, target], expected)


@pytest.mark.parametrize(("bound", "sign"), [(1.0, -1), (0.0, 1)], ids=["white", "black"])
def test_pixels_near_a_bound_lose_no_digits(bound, sign):
    """Where they alone, by what is left to the bound, say who gets the relevance."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2)).eval()
    with torch.no_grad():
        network[0].weight.copy_(sign * torch.rand_like(network[0].weight))
        network[0].bias.fill_(20)
    images = (bound - torch.rand(2, 3, 4, 4) / 10_000).abs()
    exact = DeepTaylor()(network.double(), images.double()).maps
    torch.testing.assert_close(DeepTaylor()(network.float(), images).maps.double(), exact, rtol=1e-4, atol=0)


def test_parameters_are_constants():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean = nn.Parameter(torch.full((1, 3, 1, 1), 0.5))
            self.convolution = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 2, 3, bias=False))
            self.linear = nn.Linear(8, 2, bias=False)

        def forward(self, images):
            return self.linear(self.convolution((images - self.mean) * self.mean.exp()).relu().flatten(1))

    network, images = Scaled().eval(), torch.rand(2, 3, 4, 4)
    explanation = DeepTaylor()(network, images)
    torch.testing.assert_close(explanation.maps.sum((2, 3, 4)), explanation.logits)


def test_a_look_at_whether_it_fits_leaves_a_training_network_alone():
    network = NETWORKS["cnn"](SPEC).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert DeepTaylor().misfit(network) == ""
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
