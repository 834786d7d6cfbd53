"""Measures: what they show to a method, and what methods of known worth get."""

import pytest
import torch
from sample import NETWORKS, images_of, randomized
from torch import nn

from gcm.data import Digits, ImageSpec, MemorySplit, PlacedSplit
from gcm.error import InputError
from gcm.metric import (
    Deletion,
    ExplainedBatch,
    GridPointing,
    Insertion,
    LogitResidual,
    Pointing,
    Randomization,
    Sparseness,
    Stability,
)
from gcm.metric.map_metric import Maps, maps_of
from gcm.metric.randomization import cascade
from gcm.model import CNN, GCM, Classifier
from gcm.study.faithfulness.numbers import batches, metrics_by_split, values_per_image, why_no_value
from gcm.visualizer import (
    CAM,
    ClassContributionMaps,
    InputXGradient,
    IntegratedGradients,
    NoiseMask,
    Random,
    Saliency,
    Uniform,
    Visualizer,
)

SPEC = ImageSpec.of(1, 16, 3)
METRICS = {
    "planted_pointing": Pointing(images=12),
    "grid_pointing": GridPointing(6),
    "completeness": LogitResidual(images=12),
    "deletion": Deletion(images=12, steps=5),
    "deletion_all": Deletion(images=12, classes="all", steps=5),
    "insertion": Insertion(images=12, steps=5),
    "randomization": Randomization(5),
    "stability": Stability(7),
    "sparseness": Sparseness(images=12),
}


def measured(visualizer, network, metrics, data, batch_size, most=None, **how):
    groups = metrics_by_split(visualizer, network, metrics, data, most)
    return values_per_image(visualizer, network, groups, batch_size, **how)


class Quarters(Classifier):
    """Sees how bright each quarter of the image is: a class for each."""

    any_size = True

    def __init__(self, spec):
        super().__init__(spec)
        self.linear = nn.Linear(4, 4, bias=False)
        self.linear.weight.data = 8 * torch.eye(4)

    def forward(self, images):
        self.check_images(images)
        return self.linear(nn.functional.adaptive_avg_pool2d(images.mean(1, keepdim=True), 2).flatten(1))


class QuarterMaps(Visualizer):
    """Perfect maps of `Quarters`, or their opposite."""

    def __init__(self, sign=1):
        self.sign = sign

    def weight_maps(self, forward_pass):
        batch, _, height, width = forward_pass.images.shape
        quarters = torch.eye(4).view(4, 1, 2, 2)
        maps = nn.functional.interpolate(quarters, (height, width))
        return (
            self.sign * maps.expand(batch, 4, 1, height, width)[torch.arange(batch).unsqueeze(1), forward_pass.targets]
        )


class Known:
    """Data of four quarters, of which one or two are bright, and where."""

    name = "known"

    def __init__(self, count=24):
        draw = torch.Generator().manual_seed(0)
        shown = torch.rand(count, 4, generator=draw).argsort(1)[:, :2]
        places = torch.zeros(count, 4, 2, 8, 2, 8, dtype=torch.bool)
        for image, (first, second) in enumerate(shown.tolist()):
            places[image, first, first // 2, :, first % 2] = True
            places[image, second, second // 2, :, second % 2] = True
        places = places.view(count, 4, 16, 16)
        images = (places.any(1, keepdim=True) * 200 + torch.randint(0, 20, (count, 1, 16, 16), generator=draw)).byte()
        self.test = PlacedSplit(images, shown[:, 0], places)

    def class_names(self):
        return tuple("abcd")


@pytest.fixture
def known():
    return Known(), Quarters(ImageSpec.of(1, 16, 4))


def test_perfect_maps_beat_random_ones_and_those_their_opposite(known):
    data, network = known
    measures = {"pointing": Pointing(images=24), "deletion": Deletion(images=24), "insertion": Insertion(images=24)}
    found = {
        name: measured(visualizer, network, measures, data, 10)
        for name, visualizer in (("perfect", QuarterMaps()), ("random", Random()), ("opposite", QuarterMaps(-1)))
    }
    for name, measure in measures.items():
        better = 1 if measure.higher_is_better else -1
        means = [better * float(found[kind][name].mean()) for kind in ("perfect", "random", "opposite")]
        assert means[0] > means[1] > means[2], name
    assert (found["perfect"]["pointing"] == 1).all()
    assert (found["opposite"]["pointing"] == 0).all()


def test_the_batch_size_changes_nothing(known):
    data, network = known
    explained = InputXGradient(), network
    shown = []
    small = measured(*explained, METRICS, data, 4, show=shown.append)
    large = measured(*explained, METRICS, data, 100)
    assert small.keys() == large.keys() == METRICS.keys() - {"grid_pointing"}
    for name, values in small.items():
        torch.testing.assert_close(values, large[name], msg=name)
        assert len(values) == METRICS[name].images
    assert shown[-1] == sum(group.count for group in metrics_by_split(*explained, METRICS, data)) == 12
    few = measured(*explained, METRICS, data, 4, most=3)
    assert {len(values) for values in few.values()} == {3}
    torch.testing.assert_close(few["sparseness"], small["sparseness"][:3])


def test_batches_end_where_a_measure_has_had_enough():
    assert [batch.tolist() for batch in batches([5, 3, 5], 2)] == [[0, 1], [2], [3, 4]]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_measure_on_every_network(name):
    spec = ImageSpec.of(1, 32, 10)
    network = randomized(NETWORKS[name](spec)).eval()
    data = Digits()
    measures = {key: type(measure)(images=3) for key, measure in METRICS.items()}
    for visualizer in (Saliency(), Uniform()):
        explained = visualizer, network
        found = measured(*explained, measures, data, 3)
        left_out = {"planted_pointing"} | (set() if network.any_size else {"grid_pointing"})
        assert found.keys() == measures.keys() - left_out
        for key in left_out:
            assert why_no_value(*explained, measures[key], data)
        assert all(values.isfinite().all() and len(values) == 3 for values in found.values())


def test_by_construction_is_said_of_completeness_alone():
    assert "add up to the logits" in LogitResidual().by_construction(ClassContributionMaps())
    assert LogitResidual().by_construction(Uniform())
    assert Sparseness().by_construction(ClassContributionMaps()) == LogitResidual().by_construction(Saliency()) == ""
    assert LogitResidual().by_construction(CAM()) == ""  # the biases are not in its maps
    assert LogitResidual().by_construction(IntegratedGradients()) == ""


def test_contributions_are_complete_and_add_up_to_the_score():
    network = randomized(GCM(SPEC, widths=(4, 6, 8))).eval()
    data = Known()
    data.test = MemorySplit((255 * images_of(SPEC, 5)).byte(), torch.zeros(5, dtype=torch.long))
    found = measured(ClassContributionMaps(), network, {"residual": LogitResidual()}, data, 5)
    assert found["residual"].max() < 1e-6
    images = images_of(SPEC)
    explanation = ClassContributionMaps()(network, images)
    torch.testing.assert_close(explanation.maps.sum((2, 3, 4)), explanation.logits)
    centred = ClassContributionMaps("mean")(network, images).maps.sum((2, 3, 4))
    torch.testing.assert_close(centred.softmax(1), explanation.logits.softmax(1))


def test_a_cascade_draws_one_more_layer_anew_each_time():
    network = CNN(SPEC, widths=(4, 6, 8)).eval()
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    before = [layer.weight.clone() for layer in layers]
    copies = cascade(network, seed=0)
    assert len(copies) == len(layers)
    for number, copy in enumerate(copies, start=1):
        weights = [module.weight for module in copy.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
        kept = [torch.equal(weight, old) for weight, old in zip(weights, before, strict=True)]
        assert kept == [True] * (len(layers) - number) + [False] * number
    assert all(torch.equal(layer.weight, old) for layer, old in zip(layers, before, strict=True))
    again = cascade(network, seed=0)
    assert torch.equal(again[-1].linear.weight, copies[-1].linear.weight)


def test_randomization_of_what_does_not_look_at_the_weights_is_1():
    network = randomized(CNN(SPEC, widths=(4, 6, 8))).eval()
    data = Known()
    measure = {"randomization": Randomization(4)}
    assert (measured(Random(), network, measure, data, 4)["randomization"] == 1).all()
    assert (measured(CAM(), network, measure, data, 4)["randomization"] < 0.9).all()


def test_stability_grows_with_the_noise_and_is_worst_for_random_maps(known):
    data, network = known
    measures = {f"{deviation}": Stability(8, deviation=deviation, draws=3) for deviation in (0.01, 0.1)}
    own = measured(InputXGradient(), network, measures, data, 8)
    random = measured(Random(), network, measures, data, 8)
    assert (own["0.01"] > 0).all()
    assert (own["0.01"] < own["0.1"]).all()
    assert random["0.01"].mean() == pytest.approx(2**0.5, abs=0.05)


def test_a_noise_mask_takes_part_where_one_map_is_enough():
    network = randomized(CNN(SPEC, widths=(4, 6, 8))).eval()
    explained, data = (NoiseMask(steps=4, samples=2), network), Known()
    found = measured(*explained, METRICS, data, 6, most=2)
    assert found.keys() == {"deletion", "deletion_all", "insertion", "randomization", "stability", "sparseness"}
    assert why_no_value(*explained, METRICS["completeness"], data) == "one map for all classes"
    maps = maps_of(*explained, images_of(SPEC, 2), torch.zeros(2, 1, dtype=torch.long)).at_image_size
    assert maps.shape == (2, 1, 16, 16)
    assert 0 <= maps.min() <= maps.max() <= 1


def test_no_more_classes_are_explained_than_are_asked_for(known):
    data, network = known

    asked = []

    class Counting(InputXGradient):
        def weight_maps(self, forward_pass):
            asked.append(forward_pass.targets.shape[1])
            return super().weight_maps(forward_pass)

    explained = Counting(), network
    alone = {name: measured(*explained, {name: METRICS[name]}, data, 4) for name in ("deletion", "sparseness")}
    assert set(asked) == {1}
    together = measured(*explained, METRICS, data, 4)
    assert set(asked) == {1, 4}
    for name, found in alone.items():
        torch.testing.assert_close(found[name], together[name])


def test_of_a_grid_the_classes_shown_are_explained():
    places = torch.zeros(2, 5, 4, 4, dtype=torch.bool)
    places[0, [1, 4], 0] = places[1, [0, 2], 1] = True
    assert GridPointing().targets(torch.zeros(2, 5), places).tolist() == [[1, 4], [0, 2]]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_network_of_a_narrow_type_is_measured_by_float32_maps(dtype):
    """Close to the same network in float64, as far as its own rounding goes; no measure rounds any further."""
    network = randomized(GCM(SPEC, widths=(4, 6, 8))).eval()
    data = Known()
    measures = {name: METRICS[name] for name in ("completeness", "deletion", "insertion", "sparseness", "stability")}
    explained = InputXGradient(), network.to(dtype)
    narrow = measured(*explained, measures, data, 6)
    assert maps_of(*explained, images_of(SPEC).to(dtype), torch.tensor([0])).at_image_size.dtype == torch.float32
    wide = measured(InputXGradient(), network.double(), measures, data, 6)
    for name, values in narrow.items():
        assert values.dtype == torch.float64
        torch.testing.assert_close(values.mean(), wide[name].mean(), rtol=0.05, atol=0.05, msg=name)


class OneLogit(Quarters):
    """Says a single number."""

    def forward(self, images):
        return super().forward(images)[:, :1]


@pytest.mark.parametrize("name", sorted(METRICS.keys() - {"grid_pointing"}))
def test_a_network_of_a_single_logit_is_refused(name):
    network = OneLogit(ImageSpec.of(1, 16, 4))
    with pytest.raises(InputError, match=r"logits must be .* of K = 2 classes or more"):
        measured(QuarterMaps(), network, {name: METRICS[name]}, Known(), 6)


def test_maps_of_classes_that_were_not_asked_for_are_no_others():
    maps = Maps(torch.rand(2, 2, 1, 4, 4), torch.rand(2, 2, 4, 4))
    shown = ExplainedBatch(
        None, None, torch.rand(2, 1, 4, 4), None, torch.zeros(2, 5), torch.tensor([[1, 3], [0, 2]]), maps
    )
    assert torch.equal(shown.maps_of(torch.tensor([[3], [0]]))[:, 0], maps.at_image_size[[0, 1], [1, 0]])
    with pytest.raises(InputError, match="classes that were asked for"):
        shown.maps_of(torch.tensor([[3], [1]]))
    nothing = ExplainedBatch(
        None,
        None,
        shown.images,
        None,
        shown.logits,
        shown.classes[:, :0],
        Maps(maps.own_size[:, :0], maps.at_image_size[:, :0]),
    )
    with pytest.raises(InputError, match="classes that were asked for"):
        nothing.maps_of(torch.tensor([[3], [1]]))


class ChangesItsInput(Quarters):
    """As `Quarters` of brighter images, in place."""

    def forward(self, images):
        images *= 0.5
        images += 0.5
        return super().forward(images)


class OutOfPlace(Quarters):
    """The same."""

    def forward(self, images):
        return super().forward(images * 0.5 + 0.5)


class KnownMaps(Visualizer):
    """Maps that nobody asks the network for."""

    def weight_maps(self, forward_pass):
        quarters = torch.eye(4).view(4, 1, 2, 2)
        return nn.functional.interpolate(quarters, forward_pass.images.shape[2:])[forward_pass.targets]


def test_measures_count_for_a_network_that_changes_its_input_what_they_count_for_its_twin():
    spec, data = ImageSpec.of(1, 16, 4), Known()
    found, expected = (measured(KnownMaps(), kind(spec), METRICS, data, 6) for kind in (ChangesItsInput, OutOfPlace))
    assert found.keys() == expected.keys() == METRICS.keys() - {"grid_pointing"}
    for name, values in found.items():
        assert torch.equal(values, expected[name]), name
