"""A training that is stopped by a signal goes on within the epoch, as if it had never stopped."""

import json
import signal

import pytest
import torch

from gcm.training.checkpoint import WholeCheckpoints
from gcm.training.module import ClassifierTraining

WORDS = ("task=train", "model.widths=[2,3,4]", "trainer.max_epochs=2", "data.batch_size=256", "data.val_size=200")


@pytest.fixture
def stopped_in_step(monkeypatch):
    """Lets the process get a signal while it computes a step."""
    training_step = ClassifierTraining.training_step

    def of(step, number):
        def stopped(self, batch, batch_index):
            if self.global_step + 1 == step:
                signal.raise_signal(number)
            return training_step(self, batch, batch_index)

        monkeypatch.setattr(ClassifierTraining, "training_step", stopped)

    return of


def content(directory, name="last.ckpt"):
    return torch.load(directory / name, weights_only=True)


def same_network(one, other, name):
    other = content(other, name)["state_dict"]
    return all(torch.equal(tensor, other[part]) for part, tensor in content(one, name)["state_dict"].items())


@pytest.fixture
def whole(train_py, tmp_path):
    assert train_py(*WORDS, "output=whole").code == 0
    return tmp_path / "whole"


def test_it_goes_on_bit_for_bit_from_every_kind_of_place(train_py, tmp_path, whole, stopped_in_step):
    """Within the first epoch, at the end of an epoch, within the last, and in the last step; 4 steps an epoch."""
    cases = ((2, signal.SIGTERM), (4, signal.SIGINT), (7, signal.SIGINT), (8, signal.SIGTERM))
    for words, (step, number) in zip(((*WORDS, "output=cut"), *[("task=train", "resume=cut")] * 3), cases, strict=True):
        stopped_in_step(step, number)
        end = train_py(*words)
        assert end.code == 128 + number
        assert end.err == f"stopped at step {step}; go on: python train.py task=train resume=cut\n"
        assert content(tmp_path / "cut")["global_step"] == step
        assert not (tmp_path / "cut/result.json").exists()
    stopped_in_step(0, signal.SIGTERM)
    assert train_py("task=train", "resume=cut").code == 0
    for name in ("last.ckpt", "best.ckpt"):
        assert same_network(whole, tmp_path / "cut", name)
    for name in ("metrics.csv", "learning_curve.png", "config.yaml"):
        assert (whole / name).read_bytes() == (tmp_path / "cut" / name).read_bytes().replace(
            b"=cut", b"=whole"
        ).replace(b": cut", b": whole"), name
    results = [json.loads((directory / "result.json").read_text()) for directory in (whole, tmp_path / "cut")]
    for result in results:
        del result["training_seconds"], result["overrides"]
    assert results[0] == results[1]


def test_a_training_by_steps_makes_them_all_wherever_it_was_stopped(train_py, tmp_path, stopped_in_step):
    """4 steps an epoch; after the third as many are left."""
    words = (*WORDS, "trainer.max_epochs=null", "trainer.max_steps=7")
    assert train_py(*words, "output=whole").code == 0
    stopped_in_step(3, signal.SIGTERM)
    assert train_py(*words, "output=cut").code == 143
    stopped_in_step(6, signal.SIGTERM)
    assert train_py("task=train", "resume=cut").code == 143
    assert train_py("task=train", "resume=cut").code == 0
    assert content(tmp_path / "cut")["global_step"] == 7
    assert same_network(tmp_path / "whole", tmp_path / "cut", "last.ckpt")
    assert (tmp_path / "whole/metrics.csv").read_bytes() == (tmp_path / "cut/metrics.csv").read_bytes()


def test_the_best_network_so_far_is_known_after_a_stop(train_py, tmp_path):
    """An epoch whose accuracy is lower leaves `best.ckpt` alone, also where the better one was before the stop."""
    words = (*WORDS, "trainer.max_epochs=3", "schedule=constant")
    assert train_py(*words, "output=run").code == 0
    before = (tmp_path / "run/best.ckpt").read_bytes()
    state = content(tmp_path / "run")
    (best,) = [state for name, state in state["callbacks"].items() if name == "Checkpoints"]
    assert best == {"best_accuracy": max(row["val_accuracy"] for row in state["history"])}
    state["callbacks"]["Checkpoints"]["best_accuracy"] = 1.0
    torch.save(state, tmp_path / "run/last.ckpt")
    assert train_py("task=train", "resume=run", "trainer.max_epochs=4").code == 0
    assert (tmp_path / "run/best.ckpt").read_bytes() == before


def test_stopped_before_its_first_checkpoint_it_begins_anew(train_py, tmp_path, whole, monkeypatch):
    monkeypatch.setattr(ClassifierTraining, "on_fit_start", lambda self: signal.raise_signal(signal.SIGTERM))
    assert train_py(*WORDS, "output=cut").code == 143
    assert [path.name for path in (tmp_path / "cut").iterdir()] == ["config.yaml"]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cut/.last.1.partial.ckpt").touch()
    assert train_py("task=train", "resume=cut").code == 0
    assert same_network(whole, tmp_path / "cut", "last.ckpt")
    overrides = json.loads((tmp_path / "cut/result.json").read_text())["overrides"]
    assert overrides[: len(WORDS)] == list(WORDS)
    assert {path.name for path in (tmp_path / "cut").iterdir()} == {path.name for path in whole.iterdir()}


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path):
    path = tmp_path / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"step": 1}, path)
    with pytest.raises(AttributeError, match="local object"):
        WholeCheckpoints().save_checkpoint({"step": 2, "bad": lambda: None}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert list(tmp_path.iterdir()) == [path]
