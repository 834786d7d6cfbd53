"""The commands, from end to end, small."""

import csv
import json
import re
import shlex

import pytest
import torch

TINY = ("model.widths=[2,3,4]", "trainer.max_epochs=1", "data.batch_size=128", "task.baseline.widths=[2,3,4]")
TRAIN = ("task=train", "model.widths=[2,3,4]", "trainer.max_epochs=2", "data.batch_size=256")


def table(path):
    return csv.DictReader(path.read_text().splitlines())


def state(directory, name="last.ckpt"):
    return torch.load(directory / name, weights_only=True)


def same_weights(one, other):
    return all(
        torch.equal(tensor, state(other)["state_dict"][name]) for name, tensor in state(one)["state_dict"].items()
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return tmp_path_factory.mktemp("trained") / "run"


@pytest.fixture
def run(train_py, trained):
    """A trained network's run directory."""
    if not trained.is_dir():
        assert train_py(*TRAIN, f"output={trained}").code == 0
    return trained


def test_everything_in_one_command(train_py, tmp_path):
    end = train_py("output=run", *TINY)
    assert end.code == 0, end.err
    files = {str(path.relative_to(tmp_path / "run")) for path in (tmp_path / "run").rglob("*") if path.is_file()}
    per_network = {"config.yaml", "last.ckpt", "learning_curve.png", "metrics.csv", "result.json"}
    expected = {
        "config.yaml",
        "decline_ratio.csv",
        "decline_ratio.md",
        "decline_ratio.png",
        "gcm_product.png",
        "result.json",
    }
    assert files == expected | {f"{network}/{name}" for network in ("gcm", "cnn") for name in per_network}
    rows = list(table(tmp_path / "run/decline_ratio.csv"))
    assert len(rows) == 10 * 4
    (own,) = [row for row in rows if row["visualizer"] == "gcm" and row["rendering"] == "product"]
    assert (own["network"], own["decline_ratio"], own["by_construction"], own["n"]) == (
        "gcm",
        "0.0",
        "True",
        "360",
    )
    assert {row["visualizer"] for row in rows if row["network"] == "gcm"} == {"gcm", "uniform", "random"}
    uniform = [row for row in rows if row["visualizer"] == "uniform" and row["rendering"] == "raw"]
    assert [float(row["decline_ratio"]) for row in uniform] == [0, 0]
    assert "in the right place" in (tmp_path / "run/decline_ratio.md").read_text()
    assert "Decline ratio, digits, 360 test images" in end.out


def test_the_same_command_gives_the_same_weights_and_log(train_py, run, tmp_path):
    assert train_py(*TRAIN, "output=again").code == 0
    assert train_py(*TRAIN, "output=other", "seed=1").code == 0
    assert same_weights(run, tmp_path / "again")
    assert not same_weights(run, tmp_path / "other")
    assert (run / "metrics.csv").read_bytes() == (tmp_path / "again/metrics.csv").read_bytes()


def test_a_checkpoint_says_where_it_comes_from(train_py, tmp_path):
    assert train_py(*TRAIN, "output=run", "seed=3", "data.val_size=200", "trainer.max_epochs=1").code == 0
    for name in ("last.ckpt", "best.ckpt"):
        origin = state(tmp_path / "run", name)["gcm"]
        assert origin["seed"] == 3
        assert origin["config"]["model"]["widths"] == [2, 3, 4]
        assert origin["spec"]["classes"] == [str(digit) for digit in range(10)]
        assert "torch" in origin["versions"]


@pytest.mark.slow
def test_resume_goes_on_as_if_never_stopped(train_py, tmp_path, monkeypatch):
    from gcm.training.module import ClassifierTraining

    assert train_py(*TRAIN, "trainer.max_epochs=3", "output=whole").code == 0
    training_step = ClassifierTraining.training_step

    def stopped(self, batch, batch_index):
        if self.current_epoch == 1:
            raise RuntimeError("stopped")
        return training_step(self, batch, batch_index)

    monkeypatch.setattr(ClassifierTraining, "training_step", stopped)
    with pytest.raises(RuntimeError, match="stopped"):
        train_py(*TRAIN, "trainer.max_epochs=3", "output=cut")
    monkeypatch.setattr(ClassifierTraining, "training_step", training_step)
    assert state(tmp_path / "cut")["epoch"] == 0
    assert train_py("task=train", "resume=cut").code == 0
    assert same_weights(tmp_path / "whole", tmp_path / "cut")
    assert (tmp_path / "whole/metrics.csv").read_bytes() == (tmp_path / "cut/metrics.csv").read_bytes()


def test_test_repeats_the_result_of_training(train_py, run, tmp_path):
    trained = json.loads((run / "result.json").read_text())
    assert train_py("task=test", f"weights={run}", "output=again").code == 0
    (again,) = json.loads((tmp_path / "again/result.json").read_text())
    assert (again["test_accuracy"], again["test_loss"]) == (
        trained["test_accuracy"],
        pytest.approx(trained["test_loss"]),
    )


def test_explain_draws_every_fitting_visualizer_and_rendering(train_py, run, tmp_path):
    end = train_py(
        "task=explain",
        f"weights={run}",
        "label=7",
        "count=2",
        "output=maps",
        "visualizer=paper",
        "rendering=[raw,blend]",
    )
    assert end.code == 0, end.err
    names = {path.name for path in (tmp_path / "maps").iterdir()}
    assert names == {f"{v}_{r}.png" for v in ("gcm", "guided_backprop", "uniform", "random") for r in ("raw", "blend")}
    assert "cam left out: CAM needs global average pooling" in end.out


def test_explain_finds_images_by_label_and_start(train_py, run):
    end = train_py("task=explain", f"weights={run}", "label=7", "start=40", "count=3", "output=maps")
    from gcm.data import Digits

    labels = Digits().test.labels
    expected = [index for index in range(40, 360) if labels[index] == 7][:3]
    assert f"test images {', '.join(map(str, expected))}" in end.out


def test_post_hoc_methods_on_a_network_that_explains_itself(train_py, run, tmp_path):
    words = ("task=decline_ratio", f"weights={run}", "visualizer=[gcm,cam,guided_backprop]", "rendering=raw")
    assert train_py(*words, "output=table", "task.post_hoc_on_by_design=true").code == 0
    rows = {row["visualizer"]: row for row in table(tmp_path / "table/decline_ratio.csv")}
    assert rows["cam"]["note"] == "n/a: CAM needs global average pooling and one linear layer at the end"
    assert float(rows["guided_backprop"]["n"]) == 360
    assert train_py(*words, "output=some", "task.images=50").code == 0
    assert {row["n"] for row in table(tmp_path / "some/decline_ratio.csv")} == {"50"}
    assert "task.images must be 1 to 360" in train_py(*words, "output=none", "task.images=361").error


def test_a_sweep_leaves_one_summary(train_py, tmp_path):
    end = train_py("-m", "task=train", "model=tiny_lenet", "optimizer.lr=1e-3,1e-2", "seed=0,1", "trainer.max_epochs=1")
    assert end.code == 0, end.err
    (sweep,) = (tmp_path / "multirun").iterdir()
    assert {path.name for path in sweep.iterdir() if path.is_dir()} == {"0", "1", "2", "3"}
    rows = list(table(sweep / "summary.csv"))
    assert [row["n"] for row in rows] == ["2", "2"]
    results = [json.loads((sweep / str(job) / "result.json").read_text())["test_accuracy"] for job in range(4)]
    assert float(rows[0]["test_accuracy"]) == pytest.approx((results[0] + results[1]) / 2)
    assert (sweep / "summary.md").is_file()


def test_a_failing_job_does_not_stop_the_sweep(train_py, tmp_path):
    end = train_py("-m", "task=train", "model=tiny_lenet", "data.crop_padding=0,40", "trainer.max_epochs=1")
    assert end.code == 2
    assert "error in job 1: data.crop_padding must be less than" in end.err
    assert "error: 1 of the sweep's jobs failed: 1" in end.err
    (sweep,) = (tmp_path / "multirun").iterdir()
    assert "Without a result: job 1." in (sweep / "summary.md").read_text()


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "64-true"])
def test_plain_switches(train_py, tmp_path, precision):
    words = ("trainer.max_epochs=1", "channels_last=true", f"trainer.precision={precision}", "output=run")
    assert train_py(*TRAIN, *words).code == 0
    assert (tmp_path / "run/result.json").is_file()


def test_the_model_named_like_the_baseline_keeps_its_settings(train_py, tmp_path):
    end = train_py(
        "model=cnn", "model.widths=[3,4]", "trainer.max_epochs=1", "visualizer=cam", "rendering=raw", "output=run"
    )
    assert end.code == 0, end.err
    assert state(tmp_path / "run/cnn")["gcm"]["config"]["model"]["widths"] == [3, 4]


@pytest.mark.parametrize("model", ["gcm", "tiny_lenet"])
def test_contributions_of_trained_weights_add_up(train_py, tmp_path, model):
    from gcm.data import Digits
    from gcm.zoo import read_saved

    assert train_py("task=train", f"model={model}", "trainer.max_epochs=1", "output=run").code == 0
    network = read_saved(tmp_path / "run").network()
    images = Digits().test[torch.arange(64)][0]
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-11)):
        pixels = images.to(dtype) / 255
        account = network.to(dtype).contributions(pixels)
        error = (account.parts.flatten(2).sum(2) + account.rest - network(pixels)).abs()
        assert (error <= tolerance * account.parts.flatten(2).abs().sum(2)).all()


def test_tensorboard_with_one_override(train_py, tmp_path):
    assert train_py(*TRAIN, "output=run", "tensorboard=true").code == 0
    assert list((tmp_path / "run/tensorboard").glob("events*"))


def test_checkpoints_every_few_steps(train_py, tmp_path):
    assert train_py(*TRAIN, "output=run", "checkpoint.every_n_steps=2").code == 0
    assert {path.name for path in (tmp_path / "run").glob("step*.ckpt")} == {
        f"step_{step}.ckpt" for step in (0, 2, 4, 6, 8, 10)
    }


def test_help_names_tasks_groups_and_examples(train_py):
    end = train_py("--help")
    assert end.code == 0
    for part in (
        "all ",
        "train ",
        "test ",
        "explain ",
        "decline_ratio ",
        "data: ",
        "model: ",
        "visualizer: ",
        "experiment: ",
    ):
        assert part in end.out
    assert end.out.count("  python train.py ") == 7


def test_what_to_try_next_can_be_tried(train_py):
    said = train_py("task=test", "weights=gcm_digits", "output=tested").out
    for task in ("explain", "decline_ratio", "faithfulness"):
        (command,) = re.findall("next: python train.py (.*)", said)
        assert f"task={task} " in command
        if task != "faithfulness":  # which takes minutes
            end = train_py(*shlex.split(command), f"output={task}")
            assert end.code == 0, end.err
            said = end.out
