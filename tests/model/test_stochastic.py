"""Networks that answer differently when asked again."""

import math

import pytest
import torch
from sample import STOCHASTIC, images_of

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import BayesianCNN, LabCNN, MCDropoutCNN

SPEC = ImageSpec.of(1, 28, 10)


@pytest.fixture(params=STOCHASTIC)
def network(request):
    return STOCHASTIC[request.param](SPEC).eval()


def test_passes_differ_and_the_same_seed_gives_the_same(network):
    images = images_of(SPEC)
    logits = network.sampled_logits(images, 5, seed=3)
    assert logits.shape == (5, 4, 10)
    assert (logits.std(0) > 0).all()
    torch.rand(7)
    assert torch.equal(network.sampled_logits(images, 5, seed=3), logits)
    assert not torch.equal(network.sampled_logits(images, 5, seed=4), logits)


def test_asking_changes_neither_network_nor_random_state(network):
    images, state, before = (
        images_of(SPEC),
        torch.get_rng_state(),
        {n: v.clone() for n, v in network.state_dict().items()},
    )
    modes = [module.training for module in network.modules()]
    network.sampled_logits(images, 2, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_in_evaluation_the_answer_is_always_the_same(network):
    images = images_of(SPEC)
    assert torch.equal(network(images), network(images))
    assert not torch.equal(network.train()(images), network.train()(images))


def test_wrong_images_are_refused_in_passes_too(network):
    with pytest.raises(InputError, match=r"takes float images \(B,1,28,28\)"):
        network.sampled_logits(torch.rand(2, 3, 28, 28), 2, seed=0)


def test_dropout_leaves_out_the_share_that_it_says():
    network = MCDropoutCNN(SPEC, (2, 2), hidden=3, dropout=0.25).eval()
    network.mlp[2].register_forward_hook(
        lambda module, inputs, output: dropped.append((output == 0) & (inputs[0] != 0))
    )
    dropped = []
    images = images_of(SPEC, 64)
    network.sampled_logits(images, 40, seed=0)
    known = network.mlp[1](network.mlp[0](network.features(images))) != 0
    assert len(dropped) == 40
    share = torch.stack(dropped).sum() / (40 * known.sum())
    assert float(share) == pytest.approx(0.25, abs=0.01)


def test_a_bayesian_network_without_spread_is_the_network_of_its_means():
    network = BayesianCNN(SPEC, (2, 3), hidden=4, initial_deviation=1e-8).eval()
    plain = LabCNN(SPEC, (2, 3), hidden=4).eval()
    plain.load_state_dict(
        {name: value for name, value in network.state_dict().items() if not name.startswith("spread")}
    )
    images = images_of(SPEC)
    torch.testing.assert_close(network(images), plain(images))
    torch.testing.assert_close(network.sampled_logits(images, 1, 0)[0], plain(images), rtol=1e-4, atol=1e-5)


def test_weights_are_drawn_with_their_deviation():
    network = BayesianCNN(SPEC, (2, 3), hidden=4, initial_deviation=0.3)
    distribution = network.distributions()["mlp.3.weight"]
    assert distribution.scale.mean().item() == pytest.approx(0.3, rel=1e-5)
    images = torch.zeros(1, 1, 28, 28)
    with torch.no_grad():
        for mean in network.convolutions.parameters():
            mean.zero_()
        network.mlp[3].bias.fill_(5.0)  # so that every hidden unit is on
        for name, spread in zip(network.means, network.spread, strict=True):
            if not name.startswith("mlp.6"):
                spread.fill_(-30.0)
        logits = network.sampled_logits(images, 4000, seed=0)[:, 0]
    expected = 0.3 * math.sqrt(4 * 25 + 1)  # four hidden units of 5, and the bias
    assert logits.std(0).mean().item() == pytest.approx(expected, rel=0.05)


def test_the_cost_is_the_divergence_from_the_prior():
    network = BayesianCNN(SPEC, (2, 3), hidden=4, prior_deviation=0.2, tempering=0.5)
    by_hand = 0.0
    for name, spread in zip(network.means, network.spread, strict=True):
        for mean, raw in zip(network.get_parameter(name).flatten().tolist(), spread.flatten().tolist(), strict=True):
            deviation = math.log1p(math.exp(raw))
            by_hand += math.log(0.2 / deviation) + (deviation**2 + mean**2) / (2 * 0.2**2) - 0.5
    assert network.complexity().item() == pytest.approx(0.5 * by_hand, rel=1e-5)
    assert float(MCDropoutCNN(SPEC, (2, 2), hidden=3).complexity()) == 0


def test_every_mean_has_a_spread():
    network = BayesianCNN(SPEC, (2, 3), hidden=4)
    assert network.parameter_count() == 2 * LabCNN(SPEC, (2, 3), hidden=4).parameter_count()


def test_the_lab_network_has_the_size_that_it_says():
    assert LabCNN(SPEC).parameter_count() == 108_618
    with pytest.raises(InputError, match="at least 10x10 pixels, got 8x8"):
        LabCNN(ImageSpec.of(1, 8, 10))
