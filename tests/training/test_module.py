"""The one training loop."""

import pytest
import torch
from sample import images_of
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
