"""Relevance: rules on hand-computed layers, against a slow re-derivation and zennit; conservation; what is refused."""

import pytest
import torch
from captum.attr import LRP as CAPTUM_LRP
from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule, GammaRule
from sample import NETWORKS, images_of, randomized
from torch import nn
from torch.nn import functional as F
from zennit import rules
from zennit.canonizers import SequentialMergeBatchNorm
from zennit.composites import SpecialFirstLayerMapComposite
from zennit.types import Activation, AvgPool, Convolution

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import GCM, LeNet
from gcm.visualizer import LRP, DeepTaylor, InputXGradient
from gcm.visualizer.relevance import AlphaBeta, Bounded, Epsilon, Gamma, ZPlus
from gcm.visualizer.relevance.flow import LayerFlow
from gcm.visualizer.relevance.rule import LinearLayer

RULES = {
    "epsilon": Epsilon(0.1),
    "gamma": Gamma(0.5),
    "alpha_beta": AlphaBeta(2.0, 1.0),
    "z_plus": ZPlus(),
    "bounded": Bounded(),
}
SPEC = ImageSpec.of(3, 16, 5)


def by_hand(rule, inputs, weight, bias, relevance, low, high):
    """`inputs` (I), `weight` (O,I), `bias` and `relevance` (O), written out from the rules' formulas."""
    handed = torch.zeros_like(inputs)
    for w, b, r in zip(weight, bias, relevance, strict=True):
        brought = inputs * w
        output = brought.sum() + b
        sign = -1 if output < 0 else 1
        for_it = (brought * sign).clamp_min(0) * sign  # what has the output's sign
        if isinstance(rule, Epsilon):
            handed += brought * r / (output + rule.epsilon * sign)
        elif isinstance(rule, Gamma):
            bias_for_it = (b * sign).clamp_min(0) * sign
            shares = brought + rule.gamma * for_it
            handed += shares * r / (output + rule.gamma * (for_it.sum() + bias_for_it))
        elif isinstance(rule, AlphaBeta):
            bias_for_it = (b * sign).clamp_min(0) * sign
            against_it, bias_against_it = brought - for_it, b - bias_for_it
            beta = rule.beta if against_it.sum() + bias_against_it else 0
            handed += (1 + beta) * for_it * ratio(r, for_it.sum() + bias_for_it)
            handed -= beta * against_it * ratio(r, against_it.sum() + bias_against_it)
        elif isinstance(rule, Bounded):
            nearest, farthest = (low, high) if sign > 0 else (high, low)
            shares = brought - nearest * w.clamp_min(0) - farthest * w.clamp_max(0)
            handed += shares * ratio(r, shares.sum())
        else:
            handed += for_it * ratio(r, for_it.sum())
    return handed


def ratio(part, whole):
    return part / whole if whole else 0.0


def flow(layer, rule):
    through = LayerFlow("", layer.function, layer)
    through.rule = rule
    return through


LAYERS = {
    "convolution": (lambda x, w: F.conv2d(x, w, stride=2, padding=1, groups=2), (2, 4, 5, 5), (6, 2, 3, 3)),
    "transposed": (
        lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1, output_padding=1, groups=2),
        (2, 4, 3, 3),
        (4, 3, 3, 3),
    ),
    "linear": (F.linear, (2, 7), (5, 7)),
}


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("name", LAYERS)
def test_every_rule_equals_its_formula_written_out(name, rule, signed):
    function, shape, weight_shape = LAYERS[name]
    inputs = torch.randn(shape, dtype=torch.float64) if signed else torch.rand(shape, dtype=torch.float64)
    weight = torch.randn(weight_shape, dtype=torch.float64)
    outputs = function(inputs, weight)
    bias = torch.randn(outputs.shape[1], dtype=torch.float64)
    relevance = torch.randn_like(outputs)
    low, high = inputs.min().expand_as(inputs[:1]), inputs.max().expand_as(inputs[:1])
    broad = bias.view(1, -1, *[1] * (outputs.ndim - 2))
    layer = LinearLayer(function, inputs, weight, broad, outputs + broad, low, high)
    found = flow(layer, rule)(relevance)
    basis = torch.eye(inputs[0].numel(), dtype=torch.float64).view(-1, *shape[1:])
    matrix = function(basis, weight).flatten(1).T  # (O,I)
    biases = bias.view(-1, *[1] * (outputs.ndim - 2)).expand_as(outputs[0]).flatten()
    for image in range(2):
        expected = by_hand(
            rule, inputs[image].flatten(), matrix, biases, relevance[image].flatten(), low.flatten(), high.flatten()
        )
        torch.testing.assert_close(found[image].flatten(), expected)


def handed_on(rule, weight, relevance, low=None, high=None):
    """By a layer without bias and with one output, from the inputs 1 and 2."""
    inputs, weights = torch.tensor([[1.0, 2.0]]), torch.tensor([weight])
    bounds = [None if bound is None else torch.full((1, 2), bound) for bound in (low, high)]
    layer = LinearLayer(F.linear, inputs, weights, None, F.linear(inputs, weights), *bounds)
    return flow(layer, rule)(torch.tensor([[relevance]])).tolist()[0]


def test_rules_on_a_layer_that_can_be_computed_in_the_head():
    """Brought are 3 and -2, together 1."""
    weight = [3.0, -1.0]
    assert handed_on(Epsilon(0.0), weight, 6.0) == [18, -12]
    assert handed_on(Gamma(1.0), weight, 8.0) == [12, -4]  # 6 and -2 of 4
    assert handed_on(AlphaBeta(2.0, 1.0), weight, 6.0) == [12, -6]
    assert handed_on(AlphaBeta(2.0, 1.0), [1.0, 2.0], 5.0) == [1, 4]  # nothing speaks against it
    assert handed_on(ZPlus(), weight, 6.0) == [6, 0]
    assert handed_on(Bounded(), weight, 8.0, low=0.0, high=3.0) == [6, 2]  # 3 and 3 - 2 of 4


def test_a_negative_output_hands_on_what_made_it_negative():
    """Brought are 1 and -4, together -3."""
    weight = [1.0, -2.0]
    assert handed_on(Gamma(1.0), weight, -7.0) == [1, -8]  # 1 and -8 of -7
    assert handed_on(ZPlus(), weight, -3.0) == [0, -3]
    assert handed_on(AlphaBeta(2.0, 1.0), weight, -3.0) == [3, -6]
    assert handed_on(Bounded(), weight, -6.0, low=0.0, high=3.0) == [-2, -4]  # 1 - 3 and -4 of -6


def test_nothing_brought_gets_nothing():
    layer = LinearLayer(F.linear, torch.zeros(1, 2), torch.ones(1, 2), None, torch.zeros(1, 1))
    for rule in RULES.values():
        assert flow(layer, rule)(torch.ones(1, 1)).tolist() == [[0, 0]]


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
    """Logits x + 1 and x: of the relevance 3 and 2 of x = 2 the bias takes 1, so 1 of 5."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    network[1].weight.data.fill_(1.0)
    network[1].bias.data = torch.tensor([1.0, 0.0])
    (layer,) = LRP("epsilon", epsilon=0.0).conservation(network, torch.full((1, 1, 1, 1), 2.0))
    assert layer.layer == "1"
    assert layer.rule == "Epsilon(epsilon=0.0)"
    assert layer.residual == pytest.approx(1 / 5)


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


def sequential():
    """A network that other libraries can take apart."""
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, stride=2), nn.ReLU(), nn.Flatten(),
        nn.Linear(54, 7), nn.ReLU(), nn.Linear(7, 5),
    )  # fmt: skip
    return network.double().eval()


def normalized():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, eps=0.0), nn.ReLU(), nn.Conv2d(4, 5, 5, bias=False),
                            nn.BatchNorm2d(5, eps=0.0), nn.ReLU(), nn.AvgPool2d(10), nn.Flatten(), nn.Linear(5, 5))  # fmt: skip
    return randomized(network).double().eval()


STABLE = 1e-15
ZENNIT_RULES = {
    "epsilon": rules.Epsilon(STABLE),
    "gamma": rules.Gamma(0.25, STABLE),
    "alpha_beta": rules.AlphaBeta(2, 1, STABLE),
    "z_plus": rules.ZPlus(STABLE, zero_params="bias"),
    "bounded": rules.ZBox(0.0, 1.0, STABLE, zero_params="bias"),
}
COMPOSITES = [
    ("bounded", "gamma", "epsilon"), ("bounded", "z_plus", "epsilon"), ("z_plus", "z_plus", "gamma"),
    ("gamma", "gamma", "gamma"), ("alpha_beta", "alpha_beta", "alpha_beta"), ("epsilon", "alpha_beta", "epsilon"),
]  # fmt: skip


@pytest.mark.parametrize("names", COMPOSITES, ids="-".join)
@pytest.mark.parametrize("build", [sequential, normalized])
def test_equals_zennit(build, names):
    network = build()
    images = torch.rand(2, 3, 16, 16, dtype=torch.float64)
    maps = LRP(names[0], names[1], names[1], names[2], epsilon=STABLE)(network, images).maps
    pixels, convolution, linear = (ZENNIT_RULES[name] for name in names)
    composite = SpecialFirstLayerMapComposite(
        layer_map=[(Activation, rules.Pass()), (AvgPool, rules.Norm(STABLE)), (Convolution, convolution),
                   (nn.Linear, linear)],
        first_map=[(Convolution, pixels)],
        canonizers=[SequentialMergeBatchNorm()],
    )  # fmt: skip
    for target in range(5):
        leaf = images.clone().requires_grad_()
        with composite.context(network) as hooked:
            logits = hooked(leaf)
            begin = torch.zeros_like(logits)
            begin[:, target] = logits[:, target].detach()
            (relevance,) = torch.autograd.grad(logits, leaf, begin)
        same = logits[:, target] > 0 if names[2] == "alpha_beta" else logits[:, target] != 0  # ours turns with the sign
        torch.testing.assert_close(maps[same, target], relevance[same], rtol=1e-8, atol=1e-10)


class WithoutFlatten(nn.Module):
    """The same network with a function in place of the module, which captum has no rule for."""

    def __init__(self, network):
        super().__init__()
        self.convolutions, self.linear = network[:5], network[6:]

    def forward(self, images):
        return self.linear(self.convolutions(images).flatten(1))


CAPTUM_RULES = {"epsilon": EpsilonRule, "gamma": GammaRule, "z_plus": Alpha1_Beta0_Rule}


@pytest.mark.parametrize("name", CAPTUM_RULES)
def test_equals_captum(name):
    """Its convolutions have no biases: captum's rules treat them in other ways. Its epsilon cannot be 0 everywhere."""
    network = sequential()
    images = torch.rand(2, 3, 16, 16, dtype=torch.float64)
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.bias)
    maps = LRP(name, name, name)(network, images).maps
    for target in range(5):
        for layer in network:
            layer.rule = CAPTUM_RULES[name]() if isinstance(layer, nn.Conv2d) else EpsilonRule(1e-9)
        relevance = CAPTUM_LRP(WithoutFlatten(network)).attribute(images.clone().requires_grad_(), target=target)
        torch.testing.assert_close(maps[:, target], relevance, rtol=1e-6, atol=1e-9)


def test_rules_by_position():
    layers = [layer for inputs in (3, 2, 2, 2) for layer in (nn.Conv2d(inputs, 2, 3, padding=1), nn.ReLU())]
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32, 2)).eval()
    visualizer = LRP("bounded", lower="gamma", upper="alpha_beta", linear="epsilon")
    rules = [layer.rule.partition("(")[0] for layer in visualizer.conservation(network, torch.rand(1, 3, 4, 4))]
    assert rules == ["Bounded", "Gamma", "Gamma", "AlphaBeta", "Epsilon"]


MANY_VECTORS = nn.Sequential(nn.Flatten(2), nn.Linear(256, 3), nn.ReLU(), nn.Flatten(), nn.Linear(9, 5))


@pytest.mark.parametrize("build", [lambda: LeNet(SPEC, (4, 6)), sequential, lambda: MANY_VECTORS],
                         ids=["lenet", "sequential", "many vectors"])  # fmt: skip
def test_epsilon_alone_is_input_times_gradient(build):
    """On ReLU networks without epsilon; also where a linear layer takes many vectors, whose biases are its last axis."""
    network = build().double().eval()
    images = torch.rand(2, 3, 16, 16, dtype=torch.float64)
    maps = LRP("epsilon", "epsilon", "epsilon", "epsilon", epsilon=0.0)(network, images).maps
    torch.testing.assert_close(maps, InputXGradient()(network, images).maps)


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


def test_alpha_and_beta_that_would_not_conserve_are_refused():
    with pytest.raises(InputError, match=r"alpha - beta must be 1.*got 2\.0 and 0\.5"):
        LRP(alpha=2.0, beta=0.5)
