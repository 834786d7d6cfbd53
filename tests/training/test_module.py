"""The one training loop."""

import csv
import json
import math
from collections import defaultdict

import pytest
import torch
from sample import STOCHASTIC, images_of
from torch import nn
from torch.nn import functional as F

from gcm.data import Digits, ImageSpec
from gcm.model import GCM
from gcm.training.module import ClassifierTraining, LossAndAccuracy

SPEC = ImageSpec.of(1, 32, 10)
BATCH = (
    torch.randint(256, (4, 1, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)),
    torch.arange(4),
)
LOGGED = {f"{split}_{measure}" for split in ("train", "val", "test") for measure in ("loss", "accuracy")}


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
    measures, logits = LossAndAccuracy(10), images_of(ImageSpec.of(1, 10, 2), count=5)[:, 0, 0]
    labels = torch.tensor([1, 2, 3, 4, 5])
    measures.update(logits[:1], labels[:1])
    measures.update(logits[1:], labels[1:])
    values = measures.collect()
    assert values["loss"].item() == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-6)
    assert values["accuracy"].item() == pytest.approx((logits.argmax(1) == labels).float().mean().item())
    measures.update(logits[:1], logits[:1].argmax(1))
    assert measures.collect()["accuracy"] == 1


def test_losses_add_up_whatever_the_network_is_cast_to():
    """Cross-entropy of equal logits is ln 10 for each of 60,000 images; in bfloat16 their sum stops growing."""
    casts = [lambda module, dtype=dtype: module.to(dtype) for dtype in (torch.bfloat16, torch.float16, torch.float64)]
    for cast in (nn.Module.bfloat16, nn.Module.half, nn.Module.double, *casts):
        measures = LossAndAccuracy(10)
        cast(measures)
        for _ in range(600):
            measures.update(torch.zeros(100, 10, dtype=torch.bfloat16), torch.zeros(100, dtype=torch.long))
        values = measures.collect()
        assert values["loss"].item() == pytest.approx(math.log(10), rel=1e-6)
        assert values["accuracy"] == 1
        assert values["loss"].dtype in (torch.float32, torch.float64)


@pytest.mark.parametrize("precision", ["bf16-true", "bf16-mixed", "16-true", "32-true", "64-true"])
def test_what_is_logged_in_any_precision_is_the_mean_over_the_logits(train_py, tmp_path, monkeypatch, precision):
    """Derived again in float64 from the logits that the network gave."""
    seen = defaultdict(list)
    update = LossAndAccuracy.update

    def watched(self, logits, labels):
        seen[id(self)].append((logits.double(), labels))
        return update(self, logits, labels)

    monkeypatch.setattr(LossAndAccuracy, "update", watched)
    words = ("model=tiny_lenet", "optimizer=sgd", "trainer.max_epochs=1", "data.val_size=200", "output=run")
    assert train_py("task=train", *words, f"trainer.precision={precision}").code == 0
    row = next(csv.DictReader((tmp_path / "run/metrics.csv").read_text().splitlines()))
    logged = {
        name: float(value)
        for name, value in (row | json.loads((tmp_path / "run/result.json").read_text())).items()
        if name in LOGGED
    }
    assert logged.keys() == LOGGED
    derived = {}
    for batches in seen.values():
        logits, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
        split = {200: "val", 360: "test"}.get(len(labels), "train")
        derived[f"{split}_loss"] = F.cross_entropy(logits, labels).item()
        derived[f"{split}_accuracy"] = (logits.argmax(1) == labels).double().mean().item()
    assert logged == pytest.approx(derived, rel=1e-6)


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
