"""Noise masks: on classifiers whose answer is known, and against the objective written out."""

from itertools import pairwise

import pytest
import torch
from sample import NETWORKS, images_of, randomized
from torch.nn import functional as F

from gcm.data import ImageSpec
from gcm.model import LeNet
from gcm.model.base import Classifier
from gcm.study.noise_mask.trial import TRIAL, FoundMasks, NoiseTrial, TrialSettings, found_masks, noise_trial, placed
from gcm.visualizer.masked_network import MaskedNetwork, Thresholds
from gcm.visualizer.noise_mask_search import (
    NoiseMaskSearch,
    NoiseMaskSettings,
    noise_masks,
    tolerance_of,
    uniform_noise,
)

SPEC = ImageSpec.of(1, 8, 2)
NO_MASKS = Thresholds(first=None, hidden=None)


class LooksLeft(Classifier):
    """Names class 1 if the left half is bright; the right half does not matter."""

    def __init__(self, needed=10.0):
        super().__init__(SPEC)
        self.needed = needed

    def forward(self, images):
        bright = F.relu(images[..., :4]).sum((1, 2, 3))
        return torch.stack([torch.full_like(bright, self.needed), bright], 1)


def search(network, images, settings):
    return NoiseMaskSearch(MaskedNetwork.of_images(network, images, settings.thresholds), images, settings)


def test_noise_goes_where_the_network_does_not_look():
    settings = NoiseMaskSettings(steps=300, thresholds=NO_MASKS, tolerance=0.01, settled=0)
    found = noise_masks(LooksLeft(), torch.full((2, 1, 8, 8), 0.5), settings)
    assert (found.strength[..., 4:] == 1).all()
    assert (found.strength[..., :4] < 0.05).all()
    assert found.noise[:, -1].tolist() == pytest.approx(found.strength.mean((1, 2)).tolist(), abs=0.01)


def test_masked_pixels_take_noise_too():
    """The left half's first two columns are black, hence no feature."""
    images = torch.full((1, 1, 8, 8), 0.5)
    images[..., :2] = 0
    settings = NoiseMaskSettings(steps=300, thresholds=Thresholds(first=0.0), tolerance=0.01)
    found = noise_masks(LooksLeft(), images, settings)
    assert (found.strength[0] > 0.99).all(0).tolist() == [True] * 2 + [False] * 2 + [True] * 4


@pytest.mark.parametrize("tolerance", [0.01, "auto"])
def test_a_search_is_adam_on_the_objective(tolerance):
    network = randomized(LeNet(ImageSpec.of(1, 16, 5), (3, 4))).eval()
    images = images_of(network.spec, 2)
    settings = NoiseMaskSettings(steps=8, samples=5, learning_rate=0.02, last_rate=0.3, tolerance=tolerance, settled=0,
                                 seed=3)  # fmt: skip
    found = noise_masks(network, images, settings)
    for place in range(2):
        image = images[place : place + 1]
        masked = MaskedNetwork.of_images(network, image, settings.thresholds)
        logits = masked(image.unsqueeze(1)).detach()
        ranked = sorted(logits.flatten().tolist())
        allowed = min(after - before for before, after in pairwise(ranked)) / 2 if tolerance == "auto" else tolerance
        strength = torch.zeros(16, 16, requires_grad=True)
        adam = torch.optim.Adam([strength])
        for step in range(1, 9):
            noisy = image + strength * uniform_noise(5, images, 3, step)
            changes = (masked(noisy.unsqueeze(0)) - logits).abs()
            excess = (changes - allowed).clamp_min(0).sum() / 5
            adam.zero_grad()
            (excess - strength.sum() / 256).backward()
            assert found.excess[place, step - 1] == pytest.approx(float(excess.detach()), abs=1e-4)
            adam.param_groups[0]["lr"] = 0.02 * (1 - 0.7 * (step - 1) / 7)
            adam.step()
            strength.data.clamp_(0, 1)
        torch.testing.assert_close(found.strength[place], strength.detach())


def test_an_image_has_the_same_mask_in_every_batch():
    network = randomized(LeNet(ImageSpec.of(1, 16, 5))).eval()
    images = images_of(network.spec, 3)
    settings = NoiseMaskSettings(steps=20, samples=200)  # two images at once
    together, alone = noise_masks(network, images, settings), noise_masks(network, images[1:2], settings)
    torch.testing.assert_close(together.strength[1], alone.strength[0], atol=1e-4, rtol=0)


GREY = torch.full((1, 1, 8, 8), 0.5)
BLACK = torch.zeros(1, 1, 8, 8)
SLOW = NoiseMaskSettings(
    steps=200,
    samples=4,
    learning_rate=0.02,
    last_rate=1.0,
    thresholds=Thresholds(first=0.0),
    tolerance=0.01,
    settled=1e-4,
)
"""Noise on a black image, which has no feature, meets no resistance: after 50 steps w is 1 and stays."""


def test_a_settled_mask_is_done_while_others_go_on():
    found = noise_masks(LooksLeft(), torch.cat([BLACK, GREY]), SLOW)
    assert (found.strength[0] == 1).all()
    assert found.settled.tolist() == [True, False]
    assert found.steps.tolist() == [60, 200]  # the ten steps after the first 50 bring no change
    assert found.excess[0, 59:].isnan().tolist() == [False] + [True] * 140


@pytest.mark.parametrize("stop", [45, 130])
def test_a_stopped_search_goes_on_as_if_never_stopped(stop):
    """Before and after the first of the two images is done."""

    def stop_there(search):
        if search.step == stop:
            raise KeyboardInterrupt

    images = torch.cat([BLACK, GREY])
    whole = search(LooksLeft(), images, SLOW).run()
    first = search(LooksLeft(), images, SLOW)
    with pytest.raises(KeyboardInterrupt):
        first.run(stop_there)
    second = search(LooksLeft(), images, SLOW)
    second.restore({name: value.clone() for name, value in first.state().items()})
    assert torch.equal(second.at_last_look, first.at_last_look)
    again = second.run()
    for name, value in vars(whole).items():
        assert torch.equal(getattr(again, name).nan_to_num(-1), value.nan_to_num(-1)), name


def test_the_automatic_tolerance_is_half_the_smallest_gap_that_is_not_0():
    logits = torch.tensor([[0.0, 3.0, 1.0], [0.0, 0.0, 4.0], [2.0, 2.0, 2.0]])
    assert tolerance_of(logits, "auto").tolist() == [0.5, 2.0, 0.0]
    assert tolerance_of(logits, 0.25).tolist() == [0.25] * 3


def test_placements_are_of_equal_amount_and_follow_the_mask():
    strength = torch.arange(64.0).view(1, 8, 8).repeat(2, 1, 1) / 63
    strength[1, :4] = 1.0
    places = {where: placed(strength, where, TrialSettings(placed=0.25)) for where in ("high", "random", "low")}
    assert all(place.sum((1, 2)).tolist() == [16, 16] for place in places.values())
    assert places["high"][0, 6:].all()
    assert places["low"][0, :2].all()
    assert places["high"][1, :4].sum() + places["high"][1, 7].sum() == 16
    assert not places["high"][1, :2].all()  # of equals some, not the first rows
    assert not torch.equal(places["random"], placed(strength, "random", TrialSettings(placed=0.25, seed=1)))


def test_a_trial_tells_noise_that_matters_from_noise_that_does_not():
    images = torch.full((1, 1, 8, 8), 0.5)
    masked = MaskedNetwork.of_images(LooksLeft(needed=15.9), images, NO_MASKS)  # the image's left half adds up to 16
    strength = torch.zeros(1, 8, 8)
    strength[..., 4:] = 1
    right = noise_trial(masked, images, strength, TrialSettings(copies=300))
    left = noise_trial(masked, images, 1 - strength, TrialSettings(copies=300))
    assert (right.change.item(), right.kept.item()) == (0, 1)
    assert 0.5 < left.kept.item() < 0.95
    draws = uniform_noise(300, images, 0, TRIAL)[:, 0, :, :4]  # of the 32 pixels that count, in a logit of two
    change = (F.relu(0.5 + draws).sum((1, 2)) - 16).abs().mean() / 2
    assert left.change.item() == pytest.approx(change.item(), rel=1e-5)


def test_a_trial_draws_other_noise_than_the_search(monkeypatch):
    streams = {}
    for part in ("visualizer.noise_mask_search", "study.noise_mask.trial"):

        def watching(copies, images, *stream, part=part):
            streams.setdefault(part, set()).add(stream)
            return uniform_noise(copies, images, *stream)

        monkeypatch.setattr(f"gcm.{part}.uniform_noise", watching)
    found_masks(LooksLeft(), GREY, NoiseMaskSettings(steps=3, thresholds=NO_MASKS), TrialSettings(copies=2))
    assert streams["visualizer.noise_mask_search"] == {(0, 1), (0, 2), (0, 3)}
    assert not streams["visualizer.noise_mask_search"] & streams["study.noise_mask.trial"]


def test_the_real_network_sees_noise_that_the_masked_one_does_not():
    """All pixels are below the threshold, so no noise changes the masked network; two logits of 0 are equal."""
    trial = TrialSettings(copies=50)
    found = found_masks(LooksLeft(), GREY, NoiseMaskSettings(steps=2, thresholds=Thresholds(first=0.5)), trial)
    assert found.predicted == {"masked": 0, "real": 1}
    assert [found.trials[noise, "masked"].change.item() for noise in ("mask", "random")] == [0, 0]
    assert found.trials["random", "real"].change.item() > 0.3
    assert found.least("masked") == [None]


def test_the_least_change_is_counted_only_where_it_is_the_least():
    def trials(*changes):
        places = ("high", "random", "low")
        return {
            (where, "real"): NoiseTrial(torch.tensor(change), torch.ones(3))
            for where, change in zip(places, changes, strict=True)
        }

    found = FoundMasks(None, None, None, trials([1.0, 2.0, 1.0], [2.0, 1.0, 1.0], [3.0, 3.0, 3.0]))
    assert found.least("real") == ["high", "random", None]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_the_zoo(name):
    spec = ImageSpec.of(3, 16, 5)
    network = randomized(NETWORKS[name](spec)).train()
    images = images_of(spec, 3)
    found = found_masks(network, images, NoiseMaskSettings(steps=3, samples=200), TrialSettings(copies=3))
    assert network.training
    assert found.masks.strength.shape == (3, 16, 16)
    assert 0 <= found.masks.strength.min() <= found.masks.strength.max() <= 1
    assert found.masks.excess.shape == (3, 3)
    assert {trial.kept.shape for trial in found.trials.values()} == {(3,)}
    assert found.predicted["real"].tolist() == network.eval()(images).argmax(1).tolist()
