"""What may be said to Lightning's trainer does what it says, or is refused in one line."""

import inspect
import re
import warnings
from math import ceil

import pytest
import torch
from pytorch_lightning import Trainer
from torch.nn import functional as F

from gcm.error import InputError
from gcm.training.module import ClassifierTraining
from gcm.training.trainer_setting import OURS, TAKEN, WITHOUT_EFFECT, Length, check_each, check_length, seconds

TRAINER = {"_target_": "pytorch_lightning.Trainer", "max_epochs": 3, "max_steps": -1}


def test_every_setting_of_lightnings_trainer_is_of_one_kind():
    known = [*TAKEN, *OURS, *WITHOUT_EFFECT]
    assert len(set(known)) == len(known)
    assert set(inspect.signature(Trainer).parameters) <= set(known)  # older ones have fewer


@pytest.mark.parametrize("name", sorted(WITHOUT_EFFECT))
def test_what_would_do_nothing_is_refused_with_the_reason(name):
    if name not in inspect.signature(Trainer).parameters:
        pytest.skip("this Lightning has no such setting")
    with pytest.raises(InputError, match=rf"trainer.{name} has no effect here: .*; leave it out"):
        check_each({**TRAINER, name: 1})


def test_a_setting_that_lightning_may_get_is_refused(monkeypatch):
    monkeypatch.delitem(WITHOUT_EFFECT, "profiler")
    with pytest.raises(InputError, match=r"trainer.profiler has no effect here: this program does not use it"):
        check_each({**TRAINER, "profiler": "simple"})


REFUSED = {
    "another class": ({"_target_": "pytorch_lightning.Callback"}, r"_target_ must be pytorch_lightning.Trainer"),
    "clipping by a value of nothing": ({"gradient_clip_algorithm": "value"}, r"gradient_clip_algorithm has no effect without"),
    "clipping to nothing": ({"gradient_clip_val": 0}, r"gradient_clip_val: must be greater than 0"),
    "no time": ({"max_time": "00:00:00:00"}, r"max_time must be longer than 0"),
    "no time by its parts": ({"max_time": {"hours": 0}}, r"max_time must be longer than 0"),
    "a time of another kind": ({"max_time": "10 minutes"}, r"max_time must be longer than 0 and written as DD:HH:MM:SS"),
    "a time of unknown parts": ({"max_time": {"moons": 1}}, r"max_time must be longer than 0"),
    "spawned processes": ({"strategy": "ddp_spawn"}, r"strategy: must be 'auto', 'ddp'.*; got 'ddp_spawn'"),
    "forked processes": ({"strategy": "ddp_fork"}, r"strategy: must be .*; got 'ddp_fork'"),
    "processes of a notebook": ({"strategy": "ddp_notebook_find_unused_parameters_false"}, r"strategy: must be"),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_before_anything_is_known(settings, message):
    with pytest.raises(InputError, match=message):
        check_each({**TRAINER, **settings})


def test_a_time_in_seconds():
    assert seconds("01:02:03:04") == 86400 + 2 * 3600 + 3 * 60 + 4
    assert seconds({"minutes": 1, "seconds": 30}) == 90
    assert seconds(None) is None


def counted(settings, batches):
    """Batches and optimizer steps, by going through the training batch by batch."""
    limit = settings.get("limit_train_batches", batches)
    taken = int(limit * batches) if isinstance(limit, float) else min(limit, batches)
    steps = done = epochs = 0
    while epochs != settings.get("max_epochs") and steps != settings.get("max_steps", -1):
        epochs += 1
        for batch in range(1, taken + 1):
            done += 1
            steps += batch % settings.get("accumulate_grad_batches", 1) == 0 or batch == taken
            if steps == settings.get("max_steps", -1):
                break
    return done, steps, epochs


@pytest.mark.parametrize("batches", [1, 2, 7, 12])
@pytest.mark.parametrize("accumulated", [1, 2, 5])
@pytest.mark.parametrize("end", [{"max_epochs": 3}, {"max_epochs": None, "max_steps": 9}, {"max_epochs": 2, "max_steps": 5}])  # fmt: skip
@pytest.mark.parametrize("limit", [{}, {"limit_train_batches": 0.5}, {"limit_train_batches": 4}])
def test_the_length_of_a_training(batches, accumulated, end, limit):
    settings = {**end, **limit, "accumulate_grad_batches": accumulated}
    if limit == {"limit_train_batches": 0.5} and batches == 1:
        with pytest.raises(InputError, match=r"limit_train_batches=0.5 leaves none of the 1 batches of an epoch"):
            Length.of(settings, batches)
        return
    length = Length.of(settings, batches)
    assert (length.batches, length.steps, length.epochs) == counted(settings, batches)
    assert length.epoch_steps == ceil(length.epoch_batches / accumulated)


TOO_LONG = {
    "validation": ({"val_check_interval": 12}, r"val_check_interval must be at most 11, the batches of an epoch; got 12"),
    "validation over epochs": ({"val_check_interval": 34, "check_val_every_n_epoch": None}, r"val_check_interval must be at most 33, the batches of the training"),
    "validation by epochs": ({"check_val_every_n_epoch": 4}, r"check_val_every_n_epoch must be at most 3, the epochs of the training; got 4"),
    "accumulation": ({"accumulate_grad_batches": 12}, r"accumulate_grad_batches must be at most 11, the batches of an epoch; got 12"),
    "logging": ({"log_every_n_steps": 34}, r"log_every_n_steps must be at most 33, the steps of the training; got 34"),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "message"), TOO_LONG.values(), ids=TOO_LONG)
def test_an_interval_longer_than_what_it_divides(settings, message):
    (name, value), *_ = settings.items()
    fitting = {**TRAINER, **settings, name: value - 1}
    check_length(Length.of(fitting, 11), fitting, validated=True, tensorboard=True)
    with pytest.raises(InputError, match=message):
        check_length(Length.of({**TRAINER, **settings}, 11), {**TRAINER, **settings}, validated=True, tensorboard=True)


@pytest.mark.parametrize("name", ["val_check_interval", "check_val_every_n_epoch", "num_sanity_val_steps"])
def test_settings_of_the_validation_without_one(name):
    settings = {**TRAINER, name: 2}
    with pytest.raises(
        InputError, match=rf"trainer.{name} has no effect without validation images; set data.val_size="
    ):
        check_length(Length.of(settings, 11), settings, validated=False, tensorboard=False)


def test_logging_without_a_log():
    settings = {**TRAINER, "log_every_n_steps": 5}
    with pytest.raises(InputError, match=r"log_every_n_steps has no effect without tensorboard=true"):
        check_length(Length.of(settings, 11), settings, validated=False, tensorboard=False)


COMMANDS = {
    "a profile nobody sees": (["+trainer.profiler=simple"], r"trainer.profiler has no effect here"),
    "less than a batch": (["+trainer.limit_train_batches=0.001"], r"trainer.limit_train_batches=0.001 leaves none of the 22 batches of an epoch"),
    "an interval beyond the epoch": (["data.val_size=100", "+trainer.val_check_interval=1000"], r"trainer.val_check_interval must be at most 20"),
    "validation of no images": (["+trainer.val_check_interval=0.5"], r"val_check_interval has no effect without validation images"),
    "batch norm over one process": (["+trainer.sync_batchnorm=true"], r"trainer.sync_batchnorm needs several GPUs, this training would be on 1 cpu"),
    "the fastest convolutions of a GPU": (["+trainer.benchmark=true"], r"trainer.benchmark has no effect without a GPU"),
    "several machines": (["+trainer.num_nodes=2"], r"trainer.num_nodes needs torchrun on each machine"),
    "spawned processes": (["trainer.strategy=ddp_spawn"], r"trainer.strategy: must be .*; got 'ddp_spawn'"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "message"), COMMANDS.values(), ids=COMMANDS)
def test_one_line_and_nothing_written(train_py, tmp_path, words, message):
    said = train_py("task=train", "model=tiny_lenet", "trainer.accelerator=cpu", "output=run", *words).error
    assert re.search(message, said)
    assert not (tmp_path / "run").exists()


def test_anomalies_are_named_in_one_line(train_py, monkeypatch):
    training_step = ClassifierTraining.training_step
    monkeypatch.setattr(
        ClassifierTraining,
        "training_step",
        lambda self, batch, index: (training_step(self, batch, index) * 0).sqrt(),  # whose gradient is 0 / 0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        end = train_py("task=train", "model=tiny_lenet", "+trainer.detect_anomaly=true", "trainer.accelerator=cpu")
    assert end.code == 2
    assert "error: training diverged: Function " in end.err
    assert "returned nan values in its" in end.err
    assert "Traceback" not in end.err.splitlines()[-1]


def test_the_summary_of_the_network_is_shown(train_py):
    words = (
        "task=train",
        "model=tiny_lenet",
        "trainer.max_epochs=1",
        "data.batch_size=1024",
        "trainer.accelerator=cpu",
    )
    assert "Trainable params" in train_py(*words, "trainer.enable_model_summary=true", "output=run").out
    assert "Trainable params" not in train_py(*words, "output=other").out


STEPS = ("task=train", "model=tiny_lenet", "optimizer=sgd", "optimizer.momentum=0", "optimizer.nesterov=false", "schedule=constant",
         "optimizer.weight_decay=0", "data.crop_padding=0", "data.batch_size=300", "trainer.accelerator=cpu",
         "trainer.max_epochs=1", "output=run")  # fmt: skip
"""Four batches."""


@pytest.fixture
def gradients(monkeypatch):
    """Of the first weight: of each batch by autograd alone, and as the optimizer gets them."""
    of_batches, of_steps = [], []
    training_step = ClassifierTraining.training_step

    def stepped(self, batch, index):
        images, labels = batch
        loss = F.cross_entropy(self.network(images.float() / 255), labels)
        of_batches.append(torch.autograd.grad(loss, next(self.network.parameters()))[0])
        return training_step(self, batch, index)

    def taken(self, closure=None):
        result = closure()
        of_steps.append(self.param_groups[0]["params"][0].grad.clone())
        return result

    monkeypatch.setattr(ClassifierTraining, "training_step", stepped)
    monkeypatch.setattr(torch.optim.SGD, "step", taken)
    return of_batches, of_steps


@pytest.mark.parametrize("accumulated", [1, 2, 3, 4])
def test_a_step_goes_by_the_mean_over_its_batches_also_the_last(train_py, gradients, accumulated):
    of_batches, of_steps = gradients
    end = train_py(*STEPS, f"+trainer.accumulate_grad_batches={accumulated}")
    assert end.code == 0, end.err
    groups = [of_batches[place : place + accumulated] for place in range(0, 4, accumulated)]
    assert len(of_steps) == len(groups)
    for taken, group in zip(of_steps, groups, strict=True):
        torch.testing.assert_close(taken, torch.stack(group).mean(0))


def test_gradients_are_clipped(train_py, monkeypatch):
    """To a norm that all of them exceed."""
    norms = []

    def taken(self, closure=None):
        result = closure()
        parts = [part.grad.flatten() for group in self.param_groups for part in group["params"]]
        norms.append(float(torch.cat(parts).norm()))
        return result

    monkeypatch.setattr(torch.optim.SGD, "step", taken)
    assert train_py(*STEPS, "+trainer.gradient_clip_val=0.001").code == 0
    assert norms == pytest.approx([0.001] * 4, rel=1e-2)
