"""Region deletion, on classifiers whose answer is known, and against the naive way."""

import pytest
import torch
from torch.nn import functional as F

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import LeNet
from gcm.model.base import Classifier
from gcm.study.region_deletion.numbers import RegionDeletion, RegionTrial, region_masks

SPEC = ImageSpec.of(1, 8, 2)


class Looks(Classifier):
    """Names class 1 if the regions it looks at, of 4 x 4, are bright enough together."""

    def __init__(self, regions, needed):
        super().__init__(SPEC)
        self.regions, self.needed = regions, needed

    def forward(self, images):
        brightness = F.avg_pool2d(images, 2).flatten(1)[:, self.regions].sum(1)
        return torch.stack([torch.full_like(brightness, self.needed), brightness], 1)


def deleted(network, images, grid=4, fill="black"):
    trial = RegionTrial(network, images, label=1, grid=grid, fill=fill, batch_size=7)
    return trial.run(trial.start())


def white(count):
    return torch.full((count, 1, 8, 8), 255, dtype=torch.uint8)


def test_a_classifier_that_looks_at_one_region_only():
    found = deleted(Looks([6], needed=0.5), white(10))
    assert found.order == [6]
    assert found.survivors == [10, 0]
    assert found.end == "no image is left"
    expected = torch.zeros(16, dtype=torch.float64)
    expected[6] = 10
    assert found.importance(4).flatten().tolist() == expected.tolist()


def test_two_regions_of_which_one_suffices():
    """Deleting one harms nobody, so the first region goes by the tie rule; rounds count until region 3 is gone too."""
    found = deleted(Looks([3, 6], needed=0.5), white(10))
    assert found.order == [0, 1, 2, 3, 6]  # ties by index until 3 is gone; then 6 harms all
    assert found.survivors == [10, 10, 10, 10, 10, 0]
    expected = torch.zeros(16, dtype=torch.float64)
    expected[6] = 10 / 5
    assert found.importance(4).flatten().tolist() == expected.tolist()


def test_rounds_are_weighted_and_images_dropped():
    """Four images need region 5 as well, six need region 9 alone."""
    images = white(10)
    images[4:, :, 2:4, 2:4] = 0  # region 5 is black already in six of them
    network = Looks([5, 9, 9], needed=1.5)  # 5 counts once, 9 twice
    found = deleted(network, images)
    assert found.order == [9]
    assert found.counts[0].tolist() == [0] * 9 + [10] + [0] * 6
    strict = deleted(Looks([5, 9, 9], needed=2.5), images)
    assert strict.wrong_before == 6
    assert strict.order == [5]
    assert strict.counts[0][[5, 9]].tolist() == [4, 4]
    assert strict.importance(4)[1, 1] == 4


def test_importance_adds_up_all_rounds_each_weighted_by_one_over_its_number():
    counts = [torch.tensor([2, 4, 0, 0]), torch.tensor([3, 0, 1, 0])]
    deletion = RegionDeletion(0, torch.zeros(9, dtype=torch.bool), 0, [1, 0], counts)
    assert deletion.importance(2).tolist() == [[2 + 3 / 2, 4], [1 / 2, 0]]


def test_it_ends_where_no_region_is_left():
    found = deleted(Looks([0], needed=-1.0), white(3), grid=2)
    assert found.order == [0, 1, 2, 3]
    assert found.survivors == [3] * 5
    assert found.end == "no region is left"


def test_nothing_is_deleted_where_no_image_is_right():
    found = deleted(Looks([0], needed=2.0), white(3))
    assert (found.order, found.wrong_before, found.end) == ([], 3, "no image is left")


def naive(network, images, label, grid, fill):
    """Steps 1 to 6, every image and every region anew in every round."""
    pixels = images.float() / 255
    regions = region_masks(grid, images)
    alive = network(pixels).argmax(1) == label
    candidates, order, counts = list(range(grid * grid)), [], []
    pixels = pixels[alive]
    while len(pixels) and candidates:
        wrong = {
            region: network(torch.where(regions[region], fill, pixels)).argmax(1) != label for region in candidates
        }
        worst = max(candidates, key=lambda region: (int(wrong[region].sum()), -region))
        counts.append([int(wrong[region].sum()) if region in candidates else 0 for region in range(grid * grid)])
        pixels = torch.where(regions[worst], fill, pixels)[~wrong[worst]]
        order.append(worst)
        candidates.remove(worst)
    return order, counts


@pytest.mark.parametrize("fill", ["black", "mean"])
@torch.no_grad()
def test_the_fast_way_gives_the_counts_of_the_naive_way(fill):
    spec = ImageSpec.of(1, 16, 3)
    network = LeNet(spec, (4, 6)).eval()
    images = torch.randint(0, 256, (40, 1, 16, 16), dtype=torch.uint8)
    images *= (torch.rand(40, 1, 16, 16) > 0.5).byte()
    images[:, :, :4] = 0
    label = int(network(images.float() / 255).argmax(1).mode().values)
    trial = RegionTrial(network, images, label, grid=8, fill=fill, batch_size=100)
    found = trial.run(trial.start())
    order, counts = naive(network, images, label, 8, torch.tensor(0.0 if fill == "black" else 0.5))
    assert len(order) > 3
    assert found.order == order
    assert torch.stack(found.counts).tolist() == counts


def test_an_interrupted_deletion_ends_as_an_uninterrupted_one():
    network = LeNet(ImageSpec.of(1, 16, 2), (4, 6)).eval()
    images = torch.randint(0, 256, (60, 1, 16, 16), dtype=torch.uint8)
    with torch.no_grad():
        label = int(network(images.float() / 255).argmax(1).mode().values)
    trial = RegionTrial(network, images, label, grid=8, fill="black")
    states: list[RegionDeletion] = []
    whole = trial.run(trial.start(), states.append)
    assert len(states) == len(whole.order) > 2
    anew = RegionTrial(network, images, label, grid=8, fill="black")
    resumed = anew.run(states[len(states) // 2])
    assert resumed.order == whole.order
    assert torch.equal(torch.stack(resumed.counts), torch.stack(whole.counts))


def test_a_grid_that_does_not_divide_the_image_is_refused():
    with pytest.raises(InputError, match="grid must divide images of 8x8 pixels, got 3; allowed: 1, 2, 4, 8"):
        RegionTrial(Looks([0], 1.0), white(1), 1, 3, "black")
