"""The baseline CNN."""

import torch
from sample import images_of

from gcm.data import ImageSpec
from gcm.model import CNN, GCM

SPEC = ImageSpec(3, 32, 32, tuple("0123456789"), mean=(0.25, 0.5, 0.75))


def test_size_is_gcms_within_three_percent():
    count = CNN(SPEC).parameter_count()
    assert count == 162_778
    assert abs(count / GCM(SPEC).parameter_count() - 1) < 0.03


def test_last_maps_are_8x8():
    assert CNN(SPEC).features(images_of(SPEC)).shape == (4, 64, 8, 8)


def test_images_are_centred_by_the_training_mean():
    centred = CNN(SPEC).trunk[0](torch.tensor([0.25, 0.5, 0.75]).view(1, 3, 1, 1).expand(1, 3, 32, 32))
    assert centred.abs().max() == 0


def test_the_mean_is_saved_with_the_weights():
    other = CNN(ImageSpec.of(3, 32, 10))
    other.load_state_dict(CNN(SPEC).state_dict())
    assert other.trunk[0].mean.flatten().tolist() == [0.25, 0.5, 0.75]
