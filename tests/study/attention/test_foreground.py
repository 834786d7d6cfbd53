"""Zones of a hand-made image."""

import torch

from gcm.study.attention.foreground import foreground_zones, mean_by_zone


def test_zones_are_the_bright_pixels_what_is_near_and_what_is_beyond():
    image = torch.zeros(1, 3, 7, 7)
    image[0, :, 0, 0] = 0.51
    image[0, :2, 6, 6] = 0.7  # its mean over the channels is below 0.5
    found = foreground_zones(image)
    assert found["object"].nonzero().tolist() == [[0, 0, 0]]
    assert found["near"].sum() == 8
    assert found["near"][0, 2, 2]
    assert found["beyond"].sum() == 49 - 9
    values = torch.zeros(1, 7, 7)
    values[0, :3, :3] = 1
    values[0, 0, 0] = 5
    assert {zone: mean.item() for zone, mean in mean_by_zone(values, image).items()} == {
        "object": 5,
        "near": 1,
        "beyond": 0,
    }
