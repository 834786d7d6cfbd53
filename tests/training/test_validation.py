"""Every validation is in the log once, where it was made, and the best network is the best of all of them."""

import csv
import json
import signal
from types import SimpleNamespace

import pytest
import torch

from gcm.training.module import ClassifierTraining

WORDS = ("task=train", "model=tiny_lenet", "trainer.accelerator=cpu", "data.batch_size=100", "data.val_size=200")
STEPS = 12
"""Of an epoch: 1237 images."""


@pytest.fixture
def validated(monkeypatch):
    """Step and accuracy of each validation, told by the network's own scores and labels."""
    seen = []
    evaluate, epoch_end = ClassifierTraining.evaluate, ClassifierTraining.on_validation_epoch_end
    right = []

    def evaluated(self, batch, split):
        if split == "val_":
            images, labels = batch
            right.append(self.network(images.float() / 255).argmax(1) == labels)
        evaluate(self, batch, split)

    def ended(self):
        if not self.trainer.sanity_checking:
            seen.append((self.global_step, float(torch.cat(right).double().mean())))
        right.clear()
        epoch_end(self)

    monkeypatch.setattr(ClassifierTraining, "evaluate", evaluated)
    monkeypatch.setattr(ClassifierTraining, "on_validation_epoch_end", ended)
    return seen


def log(directory):
    return list(csv.DictReader((directory / "metrics.csv").read_text().splitlines()))


def logged(directory):
    return [(int(row["step"]), float(row["val_accuracy"])) for row in log(directory) if row.get("val_accuracy")]


INTERVALS = {
    "a quarter": (["+trainer.val_check_interval=0.25"], [3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36]),
    "that leaves a rest": (["+trainer.val_check_interval=5"], [5, 10, 17, 22, 29, 34]),
    "every other epoch": (["+trainer.check_val_every_n_epoch=2"], [24]),
    "halves of every third epoch": (["+trainer.check_val_every_n_epoch=3", "+trainer.val_check_interval=0.5"], [30, 36]),
    "over epochs": (["+trainer.check_val_every_n_epoch=null", "+trainer.val_check_interval=7"], [7, 14, 21, 28, 35]),
    "tried first": (["trainer.num_sanity_val_steps=-1"], [12, 24, 36]),
}  # fmt: skip


@pytest.mark.parametrize(("words", "steps"), INTERVALS.values(), ids=INTERVALS)
def test_each_validation_is_logged_once_and_may_be_the_best(train_py, tmp_path, validated, words, steps):
    end = train_py(*WORDS, *words, "trainer.max_epochs=3", "output=run")
    assert end.code == 0, end.err
    run = tmp_path / "run"
    assert [step for step, _ in validated] == steps
    assert logged(run) == [(step, pytest.approx(accuracy)) for step, accuracy in validated]
    best = max(accuracy for _, accuracy in validated)
    first = next(step for step, accuracy in validated if accuracy == best)
    assert torch.load(run / "best.ckpt", weights_only=True)["global_step"] == first
    assert json.loads((run / "result.json").read_text())["val_accuracy"] == pytest.approx(best)
    rows = {int(row["step"]): row for row in log(run)}
    assert sorted({*steps, 12, 24, 36}) == list(rows)
    for step, row in rows.items():
        assert float(row["epoch"]) == pytest.approx(step / STEPS, abs=1e-4)
        assert bool(row["train_loss"]) == (step % STEPS == 0)


def test_an_epoch_that_is_not_validated_says_so(train_py, tmp_path):
    said = train_py(*WORDS, "+trainer.check_val_every_n_epoch=2", "trainer.max_epochs=3", "output=run").out
    lines = [line for line in said.splitlines() if line.startswith("epoch ")]
    assert ["validation loss" in line for line in lines] == [False, True, False]


@pytest.mark.parametrize("interval", [["+trainer.val_check_interval=0.25"],
                                      ["+trainer.val_check_interval=7", "+trainer.check_val_every_n_epoch=null"],
                                      ["+trainer.val_check_interval=3", "+trainer.accumulate_grad_batches=2"]])  # fmt: skip
def test_it_goes_on_bit_for_bit_from_before_and_behind_a_validation(train_py, tmp_path, monkeypatch, interval):
    words = (*WORDS, *interval, "trainer.max_epochs=2")
    assert train_py(*words, "output=whole").code == 0
    training_step = ClassifierTraining.training_step

    def stop_in(batch):
        def stopped(self, images_and_labels, index):
            if self.current_epoch * STEPS + index == batch:
                signal.raise_signal(signal.SIGTERM)
            return training_step(self, images_and_labels, index)

        monkeypatch.setattr(ClassifierTraining, "training_step", stopped)

    for place, batch in enumerate((2, 5, 6, 14)):
        stop_in(batch)
        end = train_py("task=train", "resume=cut") if place else train_py(*words, "output=cut")
        assert end.code == 143, end.err
    stop_in(-1)
    assert train_py("task=train", "resume=cut").code == 0
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert (whole / "metrics.csv").read_bytes() == (cut / "metrics.csv").read_bytes()
    for name in ("last.ckpt", "best.ckpt"):
        one, other = (torch.load(directory / name, weights_only=True) for directory in (whole, cut))
        assert one["global_step"] == other["global_step"]
        assert all(torch.equal(tensor, other["state_dict"][key]) for key, tensor in one["state_dict"].items())


def test_a_stop_need_not_wait_for_the_epoch_where_every_batch_is_validated(train_py, tmp_path, monkeypatch):
    training_step = ClassifierTraining.training_step

    def stopped(self, batch, index):
        if index == 4:
            signal.raise_signal(signal.SIGTERM)
        return training_step(self, batch, index)

    monkeypatch.setattr(ClassifierTraining, "training_step", stopped)
    end = train_py(*WORDS, "+trainer.val_check_interval=1", "output=run")
    assert end.err.startswith("stopped at step 5; go on: ")
    assert [step for step, _ in logged(tmp_path / "run")] == [1, 2, 3, 4, 5]


def ticking(monkeypatch):
    """A clock that goes on by a second whenever the training looks at it, which is when it begins and at each step."""
    seconds = iter(range(10_000))
    monkeypatch.setattr("gcm.training.checkpoint.time", SimpleNamespace(monotonic=lambda: next(seconds)))


@pytest.mark.parametrize("task", ["train", pytest.param("all", marks=pytest.mark.slow)])
def test_when_time_is_up_it_says_so_and_goes_on_as_if_there_had_been_no_limit(train_py, tmp_path, monkeypatch, task):
    words = (f"task={task}", *WORDS[1:], "trainer.max_epochs=2", "schedule=one_cycle")
    if task == "all":
        words = (*words, "task.baseline.widths=[2,3,4]", "visualizer=[saliency]", "rendering=raw")
    assert train_py(*words, "output=whole").code == 0
    ticking(monkeypatch)
    end = train_py(*words, "+trainer.max_time=00:00:00:15", "output=cut")
    assert end.code == 0, end.err
    assert "time is up at step 14 of 24; the network so far is tested" in end.out
    assert f"time was up; go on: python train.py task={task} resume=cut" in end.out
    network = "." if task == "train" else "tiny_lenet"
    whole, cut = tmp_path / "whole" / network, tmp_path / "cut" / network
    result = json.loads((cut / "result.json").read_text())
    assert (result["steps"], result["epochs"]) == (14, 1)
    assert (cut / "learning_curve.png").is_file()
    end = train_py(f"task={task}", "resume=cut")
    assert end.code == 0, end.err
    assert "time is up" not in end.out
    assert (whole / "metrics.csv").read_bytes() == (cut / "metrics.csv").read_bytes()
    one, other = (torch.load(run / "last.ckpt", weights_only=True)["state_dict"] for run in (whole, cut))
    assert all(torch.equal(tensor, other[key]) for key, tensor in one.items())
    for name in ("test_accuracy", "test_loss", "val_accuracy", "steps"):
        assert len({json.loads((run / "result.json").read_text())[name] for run in (whole, cut)}) == 1


def test_time_that_is_up_with_the_training_is_no_news(train_py, monkeypatch):
    ticking(monkeypatch)
    end = train_py(*WORDS, "trainer.max_epochs=1", "+trainer.max_time={seconds: 13}", "output=run")
    assert end.code == 0
    assert "time is up" not in end.out
    assert "time was up" not in end.out
