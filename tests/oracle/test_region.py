"""Region deletion equals the paper's rounds, on random networks and images with black parts."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle.case import assert_same, few, lenets
from oracle.region import iterative_deletion

from gcm.study.region_deletion.numbers import RegionTrial


@few
@given(lenets(count=4), st.sampled_from(["black", "mean"]), st.integers(1, 5))
def test_iterative_deletion(case, fill, batch_size):
    spec = case.network.spec
    grid = max(count for count in range(1, 4) if not (spec.height % count or spec.width % count))
    images = (255 * case.images).round().byte()
    images[:2, :, : spec.height // 2] = 0
    label = int(np.argmax(case.oracle.logits(images[0].double().numpy() / 255)))
    values = [0.0] * spec.channels if fill == "black" else spec.mean
    expected = iterative_deletion(case.oracle, images.double().numpy() / 255, label, grid, values)
    trial = RegionTrial(case.network.float(), images, label, grid, fill, batch_size)
    found = trial.run(trial.start())
    assert found.wrong_before == expected.wrong_before
    assert found.order == expected.order
    assert [count.tolist() for count in found.counts] == expected.counts
    assert found.alive.tolist() == expected.alive
    assert_same(found.importance(grid), expected.importance)
    mean = np.mean(images.double().numpy() / 255, 0)
    assert_same(trial.mean_image.double(), mean, 1e-6)
    assert torch.equal(trial.images, images)
