"""task=publish and task=verify: from finished runs to a weights file with its card, and that it says the truth."""

import json

import safetensors.torch

import gcm
from gcm.zoo.catalogue import DIRECTORY, SUMS, sums_text
from gcm.zoo.weights_file import read_card, read_weights


def test_a_run_directory_has_a_card_too(train_py, tmp_path):
    finished = train_py(
        "task=train", "model=cnn", "trainer.max_epochs=1", "+trainer.limit_train_batches=2", "output=run"
    )
    assert finished.code == 0, finished.err
    card = gcm.load(tmp_path / "run").card
    assert (card.name, card.seed, card.epochs, card.steps, card.tests) == ("cnn_digits", 0, 1, 2, ())
    assert card.training_seconds > 0
    assert "model=cnn" in card.command
    assert "output" not in card.command


def test_publishing_and_verifying(train_py, tmp_path):
    for seed in (0, 1):
        run = f"run{seed}"
        train_py(
            "experiment=gcm_digits", "model.widths=[2,3,4]", "trainer.max_epochs=1", f"seed={seed}", f"output={run}"
        )
    assert train_py("task=publish", "weights=[run0,run1]", "task.directory=published").code == 0
    path = tmp_path / "published" / "gcm_digits.safetensors"
    card = read_card(path)
    assert [test.seed for test in card.tests] == [0, 1]
    assert card.tests[0].low < card.tests[0].accuracy < card.tests[0].high
    assert card.complete
    assert card.completeness_residual < 1e-4
    assert sums_text(path.parent) == (path.parent / SUMS).read_text()
    assert train_py("task=verify", f"weights={path}").code == 0
    error = train_py("task=verify", f"weights={path}", "data.test_share=0.5").error
    assert "unknown setting" in error or "test images" in error


def test_publishing_refuses_runs_of_different_trainings(train_py):
    for number, words in enumerate((["seed=0"], ["seed=1", "optimizer.lr=0.1"])):
        train_py("task=train", "trainer.max_epochs=1", "+trainer.limit_train_batches=1", *words, f"output=run{number}")
    assert "differ in their seed only" in train_py("task=publish", "weights=[run0,run1]").error
    assert "different seeds" in train_py("task=publish", "weights=[run0,run0]").error


def test_publishing_refuses_what_is_not_a_finished_run(train_py, tmp_path):
    assert "leave out data.val_size=" in train_py("task=publish", "weights=gcm_digits", "data.val_size=9").error
    assert "is published already" in train_py("task=publish", "weights=gcm_digits").error
    train_py("task=train", "trainer.max_epochs=1", "+trainer.limit_train_batches=1", "output=run")
    (tmp_path / "file").write_text("")
    assert "cannot be made" in train_py("task=publish", "weights=run", "task.directory=file/x").error
    (tmp_path / "run" / "result.json").unlink()
    assert "belongs to no finished training" in train_py("task=publish", "weights=run").error


def test_publishing_refuses_a_step_of_a_training_and_one_that_was_taken_up_again(train_py, tmp_path, monkeypatch):
    words = ("task=train", "model=tiny_lenet", "schedule=constant", "+trainer.limit_train_batches=1")
    assert train_py(*words, "trainer.max_epochs=2", "checkpoint.every_n_steps=1", "output=run").code == 0
    assert "is a training half done" in train_py("task=publish", "weights=run/step_1.ckpt").error

    def stop(module):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("gcm.training.module.ClassifierTraining.on_train_epoch_start", stop)
        train_py("task=train", "resume=run", "trainer.max_epochs=9")
    assert "belongs to no finished training" in train_py("task=publish", "weights=run").error


def test_a_resumed_training_keeps_its_command(train_py, tmp_path):
    words = ["task=train", "model=cnn", "schedule=constant", "+trainer.limit_train_batches=2"]
    train_py(*words, "trainer.max_epochs=1", "output=run")
    assert train_py("task=train", "resume=run", "trainer.max_epochs=2").code == 0
    card = gcm.load(tmp_path / "run").card
    assert card.command == f"python train.py {' '.join(words)} trainer.max_epochs=1 trainer.max_epochs=2"
    assert card.config["resume"] is None


def test_nothing_verified_is_an_error(train_py, monkeypatch):
    monkeypatch.setattr("gcm.task.verify.cards", dict)
    assert "nothing could be verified" in train_py("task=verify").error


def test_verify_says_what_a_card_got_wrong(train_py, tmp_path):
    """A card whose accuracy is not what the weights give."""
    card, weights = read_weights(DIRECTORY / "gcm_digits.safetensors")
    plain = card.to_dict()
    plain["tests"][0]["accuracy"] = 0.5
    safetensors.torch.save_file(weights, tmp_path / "wrong.safetensors", {"card": json.dumps(plain)})
    assert "its card says 0.5000" in train_py("task=verify", "weights=wrong.safetensors").error
