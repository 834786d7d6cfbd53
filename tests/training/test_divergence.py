"""A training whose numbers are no longer finite ends with one line, and what it wrote before stays good."""

import csv

import pytest
import torch

from gcm.training.divergence import named_tensors
from gcm.training.module import ClassifierTraining, LossAndAccuracy

TRAIN = (
    "task=train",
    "model=tiny_lenet",
    "trainer.max_epochs=3",
    "data.batch_size=400",
    "data.val_size=200",
    "output=run",
)
STEPS = 3
"""Of an epoch."""


def checkpoints(directory):
    return {path.name: torch.load(path, weights_only=True) for path in directory.glob("*.ckpt")}


def assert_all_finite(directory):
    for name, content in checkpoints(directory).items():
        for part in ("state_dict", "optimizer_states"):
            assert all(tensor.isfinite().all() for _, tensor in named_tensors(content[part])), (name, part)


def epochs_logged(directory):
    return [row["epoch"] for row in csv.DictReader((directory / "metrics.csv").read_text().splitlines())]


def spoil(monkeypatch, epoch, batch, spoiled):
    """What `spoiled` makes of one step's loss."""
    training_step = ClassifierTraining.training_step

    def step(self, images_and_labels, index):
        loss = training_step(self, images_and_labels, index)
        return spoiled(self, loss) if (self.current_epoch, index) == (epoch, batch) else loss

    monkeypatch.setattr(ClassifierTraining, "training_step", step)


def with_infinite_gradient(module, loss):
    next(module.network.parameters()).register_hook(lambda gradient: gradient * torch.inf)
    return loss


@pytest.mark.parametrize("value", ["nan", pytest.param("inf", marks=pytest.mark.slow)])
def test_a_loss_that_is_not_finite_names_its_place_and_keeps_the_checkpoints(train_py, tmp_path, monkeypatch, value):
    spoil(monkeypatch, 1, 1, lambda _, loss: loss * float(value))
    said = train_py(*TRAIN, "checkpoint.every_n_steps=1").error
    assert said.startswith(f"training diverged: the training loss is {value} in batch 2 of epoch 2 after step 5, at a ")
    assert "start anew with a smaller optimizer.lr; last.ckpt and best.ckpt in run are as they were before" in said
    assert {name: content["global_step"] for name, content in checkpoints(tmp_path / "run").items()} == {
        "last.ckpt": 3,
        "best.ckpt": 3,
        **{f"step_{step}.ckpt": step for step in range(5)},
    }
    assert_all_finite(tmp_path / "run")
    assert epochs_logged(tmp_path / "run") == ["1"]
    assert not (tmp_path / "run/result.json").exists()


@pytest.mark.parametrize(
    "batch", [*(pytest.param(batch, marks=pytest.mark.slow) for batch in range(STEPS - 1)), STEPS - 1]
)
def test_an_infinite_gradient_behind_a_finite_loss_reaches_no_checkpoint(train_py, tmp_path, monkeypatch, batch):
    spoil(monkeypatch, 1, batch, with_infinite_gradient)
    assert train_py(*TRAIN, "optimizer=sgd").error.startswith("training diverged: ")
    assert {name: content["epoch"] for name, content in checkpoints(tmp_path / "run").items()} == {
        "last.ckpt": 0,
        "best.ckpt": 0,
    }
    assert_all_finite(tmp_path / "run")
    assert epochs_logged(tmp_path / "run") == ["1"]


def test_resume_goes_on_from_the_last_good_checkpoint(train_py, tmp_path, monkeypatch):
    assert train_py(*TRAIN, "output=whole").code == 0
    with monkeypatch.context() as patched:
        spoil(patched, 1, 2, lambda _, loss: loss * torch.nan)
        assert train_py(*TRAIN).code == 2
    assert "optimizer.lr cannot change on resume" in train_py("task=train", "resume=run", "optimizer.lr=1e-4").error
    assert train_py("task=train", "resume=run").code == 0
    whole, resumed = (checkpoints(tmp_path / name)["last.ckpt"]["state_dict"] for name in ("whole", "run"))
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.items())
    assert (tmp_path / "whole/metrics.csv").read_bytes() == (tmp_path / "run/metrics.csv").read_bytes()


def test_a_validation_loss_that_is_not_finite_is_no_reason_to_call_a_network_the_best(train_py, tmp_path, monkeypatch):
    update = LossAndAccuracy.update
    monkeypatch.setattr(
        LossAndAccuracy,
        "update",
        lambda self, logits, labels: update(self, logits * (1 if self.training else 1e39), labels),
    )
    assert "the validation loss is nan after step 3" in train_py(*TRAIN).error
    assert not checkpoints(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "optimizer"), [("tiny_lenet", "muon"), ("gcm", "adamw"), ("cnn", "sgd"), ("bayesian_cnn", "adam")]
)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true"])
def test_a_learning_rate_far_too_large_ends_with_one_line(train_py, tmp_path, model, optimizer, precision):
    words = (f"model={model}", f"optimizer={optimizer}", "optimizer.lr=1e30", f"trainer.precision={precision}")
    small = ("model.widths=[2,3,4]",) if model in ("gcm", "cnn") else ()
    said = train_py(*TRAIN, *words, *small, "checkpoint.every_n_steps=1").error
    assert said.startswith("training diverged: ")
    assert "start anew with a smaller optimizer.lr" in said
    assert ("trainer.precision=32-true" in said) == (precision != "32-true")
    assert_all_finite(tmp_path / "run")


def test_named_tensors_are_found_at_any_depth():
    one, two = torch.zeros(1), torch.ones(1)
    state = [{"state": {0: {"step": one}}, "groups": [{"lr": 0.1, "weights": (two,)}]}]
    assert list(named_tensors(state)) == [("0.state.0.step", one), ("0.groups.0.weights.0", two)]
