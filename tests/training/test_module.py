"""The one training loop."""

import pytest
import torch
from sample import STOCHASTIC, images_of
from torch.nn import functional as F

from gcm.data import Digits, ImageSpec
from gcm.model import GCM
from gcm.training.module import ClassifierTraining, Measures

SPEC = ImageSpec.of(1, 32, 10)
BATCH = (
    torch.randint(256, (4, 1, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)),
    torch.arange(4),
)


class Seeing(GCM):
    """Remembers the images it was given."""

    def forward(self, images):
        self.seen = images
        return super().forward(images)


def seen(monkeypatch, seed=0, epoch=0, batch_index=0, crop_padding=4):
    monkeypatch.setattr(ClassifierTraining, "current_epoch", epoch)
    network = Seeing(SPEC, widths=(2, 3, 4))
    module = ClassifierTraining(network, Digits(crop_padding=crop_padding), seed=seed)
    module.training_step(BATCH, batch_index)
    return network.seen


def test_augmentation_follows_seed_epoch_and_batch(monkeypatch):
    first = seen(monkeypatch)
    assert torch.equal(first, seen(monkeypatch))
    for changed in ({"seed": 1}, {"epoch": 1}, {"batch_index": 1}):
        assert not torch.equal(first, seen(monkeypatch, **changed))


def test_pixels_are_floats_from_0_to_1(monkeypatch):
    pixels = seen(monkeypatch, crop_padding=0)
    assert pixels.dtype == torch.float32
    assert torch.equal(pixels, BATCH[0] / 255)


def test_evaluation_is_not_augmented():
    network = Seeing(SPEC, widths=(2, 3, 4)).eval()
    ClassifierTraining(network, Digits()).test_step(BATCH, 0)
    assert torch.equal(network.seen, BATCH[0] / 255)


def test_label_smoothing_is_for_training_alone():
    network = GCM(SPEC, widths=(2, 3, 4)).eval()
    module = ClassifierTraining(network, Digits(crop_padding=0), label_smoothing=0.3)
    loss = module.training_step(BATCH, 0)
    logits = network(BATCH[0] / 255)
    torch.testing.assert_close(loss, F.cross_entropy(logits, BATCH[1], label_smoothing=0.3))
    measured = module.measures_of("train_").collect()["loss"]
    torch.testing.assert_close(measured, F.cross_entropy(logits, BATCH[1]).detach())


def test_measures_weigh_batches_by_their_size_and_begin_anew():
    measures, logits = Measures(10), images_of(ImageSpec.of(1, 10, 2), count=5)[:, 0, 0]
    labels = torch.tensor([1, 2, 3, 4, 5])
    measures.update(logits[:1], labels[:1])
    measures.update(logits[1:], labels[1:])
    values = measures.collect()
    assert values["loss"].item() == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-6)
    assert values["accuracy"].item() == pytest.approx((logits.argmax(1) == labels).float().mean().item())
    measures.update(logits[:1], logits[:1].argmax(1))
    assert measures.collect()["accuracy"] == 1


@pytest.mark.parametrize("name", STOCHASTIC)
def test_what_stochastic_networks_draw_follows_seed_epoch_and_batch(name, monkeypatch):
    monkeypatch.setattr(ClassifierTraining, "current_epoch", 0)

    def loss(seed=0, batch_index=0):
        torch.manual_seed(0)
        network = STOCHASTIC[name](SPEC).train()
        torch.rand(int(torch.randint(9, (1,))))  # whatever else draws
        module = ClassifierTraining(network, Digits(crop_padding=0), seed=seed)
        return module.training_step(BATCH, batch_index).item()

    first = loss()
    torch.rand(7)
    assert loss() == first
    assert loss(seed=1) != first
    assert loss(batch_index=1) != first


def test_the_cost_of_a_distribution_is_shared_by_the_training_images(monkeypatch):
    monkeypatch.setattr(ClassifierTraining, "current_epoch", 0)
    network = STOCHASTIC["bayesian_cnn"](SPEC).eval()  # so that it draws nothing
    data = Digits(crop_padding=0)
    loss = ClassifierTraining(network, data).training_step(BATCH, 0)
    expected = F.cross_entropy(network(BATCH[0] / 255), BATCH[1]) + network.complexity() / len(data.train)
    torch.testing.assert_close(loss, expected)
    assert network.complexity().item() > 100
