"""Where a network looks, how that moves, and which layers settle."""

from types import SimpleNamespace

import pytest
import torch
from sample import NETWORKS, images_of, randomized
from torch import nn

from gcm.data import ImageSpec, MemorySplit
from gcm.study.attention.numbers import attention, moved, on_object
from gcm.study.evolution.numbers import mean_of_known, moments
from gcm.study.layer_convergence.numbers import LayerState, converged_at, layer_convergence, layer_states, layers_of
from gcm.visualizer import CAM, Saliency

SPEC = ImageSpec.of(1, 28, 10)


def test_attention_is_the_positive_part_of_the_asked_classs_map():
    network = randomized(NETWORKS["cnn"](ImageSpec.of(1, 32, 10))).eval()
    images, labels = images_of(ImageSpec.of(1, 32, 10)), torch.tensor([3, 1, 4, 1])
    for explained in ("label", "predicted"):
        logits, evidence = attention(CAM(), network, images, labels, explained)
        classes = labels if explained == "label" else logits.argmax(1)
        maps = CAM()(network, images).maps[torch.arange(4), classes]
        large = nn.functional.interpolate(maps, (32, 32), mode="bilinear")[:, 0].clamp_min(0)
        torch.testing.assert_close(evidence, large)
    assert evidence.shape == (4, 32, 32)


def test_the_share_on_the_object_by_hand():
    images = torch.zeros(3, 1, 4, 4)
    images[:, 0, 0] = 0.9
    evidence = torch.zeros(3, 4, 4)
    evidence[0, 0, 1], evidence[0, 2, 2] = 3.0, 1.0
    evidence[1, 3, 3] = 2.0
    assert on_object(evidence, images).tolist() == pytest.approx([0.75, 0.0, torch.nan], nan_ok=True)


def test_moving_does_not_depend_on_strength():
    before = torch.rand(2, 4, 4)
    assert moved(before, 5 * before).tolist() == pytest.approx([0, 0], abs=1e-12)
    left, right = torch.zeros(1, 4, 4), torch.zeros(1, 4, 4)
    left[0, 0, 0], right[0, 3, 3] = 1.0, 7.0
    assert moved(left, right).tolist() == [1.0]
    assert moved(left, torch.zeros(1, 4, 4)).isnan().all()
    assert mean_of_known(torch.tensor([0.25, torch.nan, 0.75])).mean == 0.5
    assert mean_of_known(torch.tensor([0.25, torch.nan, 0.75])).n == 2
    assert mean_of_known(torch.tensor([torch.nan])).n == 0


def test_layers_and_their_outputs():
    network = NETWORKS["lab_cnn"](SPEC).eval()
    assert list(layers_of(network)) == ["convolutions.0", "convolutions.3", "mlp.3", "mlp.6"]
    images = images_of(SPEC)
    states = layer_states(network, images)
    torch.testing.assert_close(states["mlp.6"].outputs, network(images))
    assert len(states["mlp.6"].weights) == 16 * 10 + 10
    assert not any(module._forward_hooks for module in network.modules())


def test_a_layer_whose_weights_alone_are_used_is_left_out():
    network = NETWORKS["gcm"](SPEC).eval()
    assert "decoder.class_layer" in layers_of(network)
    states = layer_states(network, images_of(SPEC))
    assert len(states) > 4
    assert "decoder.class_layer" not in states


def test_an_activation_in_place_leaves_what_was_recorded():
    network = nn.Sequential(nn.Linear(2, 2), nn.ReLU(inplace=True))
    nn.init.constant_(network[0].weight, -1.0)
    nn.init.zeros_(network[0].bias)
    states = layer_states(network, torch.ones(1, 1, 1, 2))
    assert states["0"].outputs.tolist() == [[[[-2.0, -2.0]]]]
    nn.init.zeros_(network[0].weight)
    assert states["0"].weights.tolist() == [-1.0, -1.0, -1.0, -1.0, 0.0, 0.0]


def state(value):
    return {"a": LayerState(torch.tensor([value, 0.0]), torch.tensor([0.0, value]))}


def test_the_way_left_and_where_half_of_it_is_done():
    values = {0: 1.0, 1: 2.0, 2: 4.5, 3: 2.5, 4: 5.0}
    found = layer_convergence(((step, state(value)) for step, value in values.items()), state(1.0), state(5.0))
    assert [row.weights for row in found] == [1.0, 0.75, 0.125, 0.625, 0.0]
    assert [row.outputs for row in found] == [row.weights for row in found]
    assert [row.moved for row in found] == pytest.approx([0, 1, 1.25, 2 / 4.5, 1.0])
    assert converged_at(found, "a", "weights") == 4  # at step 3 it was further away again
    still = layer_convergence([(0, state(2.0)), (1, state(2.0))], state(2.0), state(2.0))
    assert converged_at(still, "a", "weights") == 0


@pytest.mark.parametrize(("channels", "known"), [(1, True), (3, False)])
def test_an_object_is_known_where_images_are_grey(channels, known):
    spec = ImageSpec.of(channels, 28, 10)
    network = randomized(NETWORKS["lab_cnn"](spec)).eval()
    saved = SimpleNamespace(network=lambda: network, card=SimpleNamespace(seed=5, command="train"))
    split = MemorySplit((255 * images_of(spec)).byte(), torch.tensor([0, 1, 2, 3]))
    first, second = moments("run", [(0, saved), (9, saved)], Saliency(), split, 3, torch.device("cpu"))
    assert (first.on_object is not None) == known
    assert first.moved is None
    assert {explained: values.mean for explained, values in second.moved.items()} == pytest.approx(
        {"predicted": 0, "label": 0}, abs=1e-9
    )
    assert (second.iteration, second.seed, second.tested) == (9, 5, 4)


def test_attention_takes_any_visualizer():
    network = randomized(NETWORKS["gcm"](SPEC)).eval()
    _, evidence = attention(Saliency(), network, images_of(SPEC), torch.tensor([0, 1, 2, 3]), "label")
    assert (evidence >= 0).all()
    assert evidence.shape == (4, 28, 28)
