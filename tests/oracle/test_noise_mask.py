"""Noise masks equal the paper's objective, masks and optimizer, step by step."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle.case import assert_same, cnns, few, lenets
from oracle.noise_mask import Search, masked

from gcm.visualizer.base import inspected
from gcm.visualizer.masked_network import MaskedNetwork, Thresholds
from gcm.visualizer.noise_mask_search import NoiseMaskSearch, NoiseMaskSettings, uniform_noise

thresholds = st.builds(
    Thresholds,
    first=st.sampled_from([None, 0.2]),
    hidden=st.sampled_from([None, 0.0, 0.1]),
    output=st.sampled_from([None, 0.0]),
)


@few
@given(st.one_of(lenets(count=1), cnns(count=1)), thresholds, st.sampled_from(["auto", 0.05]))
def test_every_step_is_adam_on_the_objective(case, chosen, tolerance):
    settings = NoiseMaskSettings(samples=3, steps=4, learning_rate=0.05, last_rate=0.4, tolerance=tolerance,
                                 thresholds=chosen, settled=0, seed=7)  # fmt: skip
    (image,) = case.arrays
    logits = case.oracle.logits(image)
    kept_outputs = np.ones(len(logits)) if chosen.output is None else (logits > chosen.output) * 1.0
    oracle = Search(masked(case.oracle, image, chosen.first, chosen.hidden), image, tolerance, kept_outputs)
    with inspected(case.network, case.images):
        search = NoiseMaskSearch(MaskedNetwork.of_images(case.network, case.images, chosen), case.images, settings)
        assert_same(search.logits[0, 0], oracle.logits)
        assert_same(search.masks.tolerance, [oracle.tolerance])
        for step in range(1, 5):
            search.take_step(torch.arange(1))
            rate = 0.05 + (0.4 * 0.05 - 0.05) * (step - 1) / 3  # on a straight line
            draws = uniform_noise(3, case.images, 7, step).numpy()
            excess = oracle.step(draws, rate)
            assert abs(float(search.masks.excess[0, step - 1]) - excess) <= 1e-6 * max(1, excess)  # kept in float32
            assert_same(search.masks.strength[0], oracle.strength, 1e-6)  # Adam divides by tiny gradients


def test_draws_are_uniform_and_others_at_each_step():
    """Mean, variance and range of the paper's `U`."""
    draws = torch.stack([uniform_noise(20, torch.zeros(1, 2, 6, 6).double(), 0, step) for step in (1, 2)])
    count = draws.numel()
    assert -1 <= draws.min() < -0.99
    assert 0.99 < draws.max() <= 1
    assert abs(draws.mean()) < 5 / (3 * count) ** 0.5
    assert abs(draws.var() - 1 / 3) < 5 * (4 / 45 / count) ** 0.5
    assert abs((draws[0] * draws[1]).mean()) < 5 / 3 / draws[0].numel() ** 0.5
