"""How long a training is, where that is left to the number of its images; what ships stays as it was."""

import pytest
import torch
from omegaconf import OmegaConf

import gcm
import gcm.data
from gcm.cli.fitted import as_begun, fitted, say_if_short
from gcm.data import Digits, ImageData, ImageFolder, MemorySplit
from gcm.training.trainer_setting import Length


def with_images(data, count):
    """The data set, as if it had so many training images."""
    data.__dict__["train"] = MemorySplit(torch.zeros(count, 1, 1, 1, dtype=torch.uint8), torch.zeros(count).long())
    return data


@pytest.fixture
def own(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
    return lambda count, **settings: with_images(ImageFolder(root=str(tmp_path), **settings), count)


def config(epochs, batch_size, **trainer):
    return OmegaConf.create(
        {"data": {"batch_size": batch_size}, "trainer": {"max_epochs": epochs, "max_steps": -1, **trainer}}
    )


@pytest.mark.parametrize(("images", "batch_size", "epochs", "steps"), [
    (1, 8, 1200, 1200), (8, 8, 1200, 1200), (24, 8, 400, 1200), (192, 12, 75, 1200), (240, 15, 75, 1200),
    (800, 50, 75, 1200), (2000, 125, 75, 1200), (3328, 128, 47, 1222), (3329, 128, 45, 1215), (100_000, 128, 15, 11_730),
])  # fmt: skip
def test_what_suits_so_many_images(own, images, batch_size, epochs, steps):
    """A sixteenth, 8 to 128; 15 epochs or as many as make 1,200 steps."""
    data = own(images)
    found = fitted(config(None, None), data)
    assert (found.data.batch_size, found.trainer.max_epochs) == (batch_size, epochs)
    assert data.batch_size == batch_size
    assert Length.of(found.trainer, data.batches_in_epoch).steps == steps


def test_what_is_said_is_not_chosen_anew(own):
    data = own(192, batch_size=100)
    found = fitted(config(None, 100), data)
    assert (found.data.batch_size, found.trainer.max_epochs) == (100, 600)  # two batches, of 96
    said = config(3, 100)
    assert fitted(said, data) is said
    assert fitted(config(None, None, max_steps=7), own(192)).trainer.max_epochs is None


@pytest.mark.parametrize("name", gcm.list_models())
def test_what_ships_is_trained_as_before(name):
    """Full batches only, and as many epochs as its card says."""
    card = gcm.load(name).card
    stored = OmegaConf.create(dict(card.config))
    kind = getattr(gcm.data, stored.data._target_.rpartition(".")[2])
    data = with_images(Digits(batch_size=stored.data.batch_size), card.train_images)
    assert not kind.whole_epochs
    assert fitted(stored, data) is stored
    ends_early = stored.data.val_size > 0  # with its best epoch
    assert (
        data.batches_in_epoch * card.epochs if ends_early else Length.of(stored.trainer, data.batches_in_epoch).steps
    ) == card.steps


def test_only_own_images_are_all_in_an_epoch():
    kinds = [kind for kind in vars(gcm.data).values() if isinstance(kind, type) and issubclass(kind, ImageData)]
    assert [kind for kind in kinds if kind.whole_epochs] == [ImageFolder]


@pytest.mark.parametrize(("trainer", "said"), [
    ({"epochs": 1}, "a short training: 22 steps of up to 64 images; "),
    ({"epochs": 4}, "a short training: 88 steps of up to 64 images; "),
    ({"epochs": 5}, ""),
    ({"epochs": None, "max_steps": 1}, "a short training: 1 step of up to 64 images; "),
    ({"epochs": None, "max_steps": 100}, ""),
    ({"epochs": 15, "max_steps": 99}, "a short training: 99 steps of up to 64 images; "),
    ({"epochs": 3, "limit_train_batches": 2}, "a short training: 6 steps of up to 64 images; "),
    ({"epochs": 10, "limit_train_batches": 0.25}, "a short training: 50 steps of up to 64 images; "),
    ({"epochs": 15, "accumulate_grad_batches": 5}, "a short training: 75 steps of up to 64 images; "),
])  # fmt: skip
def test_few_steps_are_said_in_a_line(capsys, trainer, said):
    data = with_images(Digits(batch_size=64), 1437)
    epochs = trainer.pop("epochs")
    say_if_short(Length.of(config(epochs, 64, **trainer).trainer, data.batches_in_epoch).steps, data)
    out = capsys.readouterr().out
    assert out.startswith(said)
    assert out.count("\n") == bool(said)


def test_a_training_that_goes_on_keeps_what_was_chosen():
    assert as_begun(config(None, None), config(25, 12)) == config(25, 12)
    assert as_begun(config(3, None), config(25, 12)) == config(3, 12)
