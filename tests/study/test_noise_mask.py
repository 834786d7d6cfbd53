"""Noise masks: on classifiers whose answer is known, and against the objective written out."""

import pytest
import torch
from sample import NETWORKS, images_of, randomized
from torch.nn import functional as F

from gcm.data import ImageSpec
from gcm.model import LeNet
from gcm.model.base import Classifier
from gcm.study.masked_network import MaskedNetwork, Thresholds
from gcm.study.noise_mask import NoiseMask, NoiseMaskSearch, tolerance_of, uniform_noise
from gcm.study.noise_trial import TrialSettings, found_masks, noise_trial, placed

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
    settings = NoiseMask(steps=300, thresholds=NO_MASKS, tolerance=0.01, settled=0)
    found = settings(LooksLeft(), torch.full((2, 1, 8, 8), 0.5))
    assert (found.strength[..., 4:] == 1).all()
    assert (found.strength[..., :4] < 0.05).all()
    assert found.noise[-1].tolist() == pytest.approx(found.strength.mean((1, 2)).tolist(), abs=0.01)


def test_masked_pixels_take_noise_too():
    """The left half's first two columns are black, hence no feature."""
    images = torch.full((1, 1, 8, 8), 0.5)
    images[..., :2] = 0
    found = NoiseMask(steps=300, thresholds=Thresholds(first=0.0), tolerance=0.01)(LooksLeft(), images)
    assert (found.strength[0] > 0.99).all(0).tolist() == [True] * 2 + [False] * 2 + [True] * 4


def test_a_search_is_adam_on_the_objective():
    network = randomized(LeNet(ImageSpec.of(1, 16, 5), (3, 4))).eval()
    images = images_of(network.spec, 2)
    settings = NoiseMask(steps=8, samples=5, learning_rate=0.02, last_rate=0.3, tolerance=0.01, settled=0, seed=3)
    found = settings(network, images)
    for place in range(2):
        image = images[place : place + 1]
        masked = MaskedNetwork.of_images(network, image, settings.thresholds)
        logits = masked(image.unsqueeze(1)).detach()
        strength = torch.zeros(16, 16, requires_grad=True)
        adam = torch.optim.Adam([strength])
        for step in range(1, 9):
            noisy = image + strength * uniform_noise(5, images, 3, step)
            changes = (masked(noisy.unsqueeze(0)) - logits).abs()
            change = (changes - 0.01).clamp_min(0).sum() / 5
            adam.zero_grad()
            (change - strength.sum() / 256).backward()
            assert found.change[step - 1, place] == pytest.approx(float(change.detach()), abs=1e-5)
            adam.param_groups[0]["lr"] = 0.02 * (1 - 0.7 * (step - 1) / 7)
            adam.step()
            strength.data.clamp_(0, 1)
        torch.testing.assert_close(found.strength[place], strength.detach())


def test_a_stopped_search_goes_on_as_if_never_stopped():
    network = randomized(LeNet(ImageSpec.of(1, 16, 5))).eval()
    images = images_of(network.spec, 3)
    settings = NoiseMask(steps=40, samples=4)
    whole = search(network, images, settings).run()
    first = search(network, images, settings)
    for _ in range(13):
        first.take_step(first.unfinished)
    second = search(network, images, settings)
    second.restore({name: value.clone() for name, value in first.state().items()})
    again = second.run()
    assert again.steps.max() > 13
    for name, value in vars(whole).items():
        assert torch.equal(getattr(again, name).nan_to_num(-1), value.nan_to_num(-1)), name


def test_an_image_has_the_same_mask_in_every_batch():
    network = randomized(LeNet(ImageSpec.of(1, 16, 5))).eval()
    images = images_of(network.spec, 3)
    settings = NoiseMask(steps=20, samples=4)
    together, alone = settings(network, images), settings(network, images[1:2])
    torch.testing.assert_close(together.strength[1], alone.strength[0], atol=1e-4, rtol=0)


def test_a_settled_mask_is_done_while_others_go_on():
    """Noise on an image that is all black, hence without any feature, meets no resistance: w rises to 1 and stays."""
    images = torch.full((2, 1, 8, 8), 0.5)
    images[0] = 0
    settings = NoiseMask(steps=200, samples=4, learning_rate=0.02, last_rate=1.0, thresholds=Thresholds(first=0.0),
                         tolerance=0.01, settled=0.001)  # fmt: skip
    found = settings(LooksLeft(), images)
    assert (found.strength[0] == 1).all()
    assert found.settled.tolist() == [True, False]
    assert found.steps.tolist() == [60, 200]  # 50 steps to 1; the ten after them bring no change
    assert found.change[59:, 0].isnan().tolist() == [False] + [True] * 140


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
    assert left.change.item() > 0.5
    assert 0.5 < left.kept.item() < 0.95


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_the_zoo(name):
    spec = ImageSpec.of(3, 16, 5)
    network = randomized(NETWORKS[name](spec)).train()
    images = images_of(spec, 3)
    found = found_masks(network, images, NoiseMask(steps=3, samples=200), TrialSettings(copies=3))
    assert network.training
    assert found.masks.strength.shape == (3, 16, 16)
    assert 0 <= found.masks.strength.min() <= found.masks.strength.max() <= 1
    assert found.masks.change.shape == (3, 3)
    assert found.least("real").shape == (3,)
    assert all(trial.kept.min() >= 0 and trial.kept.max() <= 1 for trial in found.trials.values())
