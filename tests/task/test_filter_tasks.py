"""Filters, regions and filter pictures on the command line, with a small path network on the embedded digits."""

import csv
import json
import shutil

import numpy as np
import pytest
import torch

IMAGES = "task.images_per_class=6"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return tmp_path_factory.mktemp("trained") / "run"


@pytest.fixture
def run(train_py, trained):
    if not trained.is_dir():
        words = ("task=train", "model=tiny_lenet", "optimizer=adam", "optimizer.lr=1e-2", "trainer.max_epochs=2")
        assert train_py(*words, f"output={trained}").code == 0
    return f"weights={trained}"


def rows(path):
    with path.open() as lines:
        return list(csv.DictReader(lines))


def test_filters(train_py, run, tmp_path):
    end = train_py("task=filters", run, IMAGES, "indices=[3]", "output=out")
    assert end.code == 0, end.err
    assert "different pairs of first and second" in end.out
    lines = rows(tmp_path / "out/filters.csv")
    assert len(lines) == 10 * 9
    for name in map(str, range(10)):
        of_class = [line for line in lines if line["class"] == name]
        assert sum(int(line["first"]) for line in of_class) == sum(int(line["second"]) for line in of_class) == 6
    assert "| class | 1→1 | 1→2 |" in (tmp_path / "out/filters.md").read_text()
    for name in ("leading_filters.png", "image_3.png"):
        assert (tmp_path / "out" / name).stat().st_size > 10_000


def test_regions_of_one_class_and_of_all(train_py, run, tmp_path):
    end = train_py("task=regions", run, IMAGES, "task.grid=4", "label=3", "task.split=test", "output=one")
    assert end.code == 0, end.err
    assert {row["class"] for row in rows(tmp_path / "one/importance.csv")} == {"3"}
    end = train_py("task=regions", run, IMAGES, "task.grid=4", "task.fill=mean", "output=all")
    assert end.code == 0, end.err
    importance = np.load(tmp_path / "all/importance_7.npy")
    assert importance.shape == (4, 4)
    in_table = [float(row["importance"]) for row in rows(tmp_path / "all/importance.csv") if row["class"] == "7"]
    assert in_table == importance.flatten().tolist()
    rounds = [row for row in rows(tmp_path / "all/deletion.csv") if row["class"] == "7"]
    assert [int(row["round"]) for row in rounds] == list(range(1, len(rounds) + 1))
    assert (tmp_path / "all/important_regions.png").is_file()


def test_interrupted_regions_go_on_by_their_own_settings(train_py, run, tmp_path):
    whole = train_py("task=regions", run, IMAGES, "task.grid=4", "data.val_size=900", "output=out")
    assert whole.code == 0, whole.err
    table = (tmp_path / "out/deletion.csv").read_text()
    for name in ("deletion_8.npz", "deletion_9.npz", "deletion.csv"):
        (tmp_path / "out" / name).unlink()
    assert "task.grid cannot change on resume" in train_py("task=regions", "resume=out", "task.grid=2").error
    assert train_py("task=regions", "resume=out").code == 0
    assert (tmp_path / "out/deletion.csv").read_text() == table
    for content in (b"half", b""):
        (tmp_path / "out/deletion_8.npz").write_bytes(content)
        assert "delete it, and this class starts anew" in train_py("task=regions", "resume=out").error
    study = json.loads((tmp_path / "out/study.json").read_text())
    (tmp_path / "out/study.json").write_text(json.dumps({**study, "images_per_class": 5}))
    (tmp_path / "out/deletion_8.npz").unlink()
    assert "is of other images; delete it" in train_py("task=regions", "resume=out").error
    (tmp_path / "out/study.json").write_text(json.dumps({**study, "split": "test"}))
    assert "is of other images; delete it" in train_py("task=regions", "resume=out").error
    (tmp_path / "out/study.json").write_text(json.dumps({**study, "weights_sha256": ["other"]}))
    assert "changed since out was begun" in train_py("task=regions", "resume=out").error


def test_filter_images(train_py, run, tmp_path):
    end = train_py("task=filter_images", run, IMAGES, "task.steps=3", "output=out")
    assert end.code == 0, end.err
    lines = rows(tmp_path / "out/filter_images.csv")
    assert [line["unit"] for line in lines[:3]] == ["filter 1", "filter 2", "filter 3"]
    assert len(lines) == 3 + 9
    end = train_py("task=filter_images", run, IMAGES, "task.steps=3", "task.layer=linear", "output=layer")
    assert end.code == 0, end.err
    assert len(rows(tmp_path / "layer/filter_images.csv")) == 10
    assert (tmp_path / "layer/filter_images_1.png").is_file()


def test_headings_of_filter_images_stand_above_their_columns(train_py, run, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "gcm.task.filter_images.draw_grid", lambda rows, _, columns, *rest: drawn.append((rows, columns))
    )
    assert train_py("task=filter_images", run, IMAGES, "task.steps=1", "output=out").code == 0
    ((rows, columns),) = drawn
    assert columns[0].startswith("back by")
    assert columns[-2:] == ["its first filter", "its second filter"]
    assert [len(row) for row in rows] == [5] * 3 + [7] * 9  # filters of the second layer, then paths
    assert rows[3][5].picture.shape == (1, 5, 5)
    assert rows[3][6].picture.shape == (1, 3, 3)


@pytest.mark.slow
def test_why(train_py, run, tmp_path):
    assert train_py("task=regions", run, IMAGES, "task.grid=4", "output=regions").code == 0
    end = train_py("task=why", run, "indices=[0,5]", "task.regions=regions", "task.paths=2", "output=out")
    assert end.code == 0, end.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"why_0.png", "why_5.png"}
    end = train_py("task=why", run, "label=2", "count=1", IMAGES, "task.grid=2", "output=measured")
    assert end.code == 0, end.err
    nowhere = ("task=why", run, "indices=[0]", "task.regions=nowhere")
    assert "nowhere is no run directory of task=regions" in train_py(*nowhere).error
    assert "task.grid is for measuring" in train_py(*nowhere, "task.grid=4").error
    for path in (tmp_path / "regions").glob("importance_*.npy"):
        path.unlink()
    missing = train_py("task=why", run, "indices=[0]", "task.regions=regions", "output=none")
    assert "task.regions= must have studied class" in missing.error
    assert not (tmp_path / "none").exists()
    study = json.loads((tmp_path / "regions/study.json").read_text())
    (tmp_path / "regions/study.json").write_text(json.dumps({**study, "weights_sha256": ["other"]}))
    assert "studied another network" in train_py("task=why", run, "indices=[0]", "task.regions=regions").error


@pytest.mark.slow
def test_a_stopped_sweep_goes_on(train_py, tmp_path, monkeypatch):
    words = ["sweep=fewest_filters", "data=digits", "data.batch_size=200", "trainer.max_steps=14", "schedule=constant",
             "model.filters=[1,1],[2,2]", "seed=0,1", "hydra.sweep.dir=sweep"]  # fmt: skip
    assert train_py(*words).code == 0
    sweep = tmp_path / "sweep"
    summary, kept = (sweep / "summary.csv").read_text(), (sweep / "0/result.json").read_text()
    weights = torch.load(sweep / "3/last.ckpt", weights_only=True)["state_dict"]
    shutil.rmtree(sweep / "3")

    def stop_after_an_epoch(module):
        if module.current_epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("gcm.training.module.ClassifierTraining.on_train_epoch_start", stop_after_an_epoch)
        train_py(*words)
    assert not (sweep / "3/result.json").exists()
    assert torch.load(sweep / "3/last.ckpt", weights_only=True)["global_step"] == 7
    epochs = []
    with monkeypatch.context() as patch:
        patch.setattr(
            "gcm.training.module.ClassifierTraining.on_train_epoch_start",
            lambda module: epochs.append(module.current_epoch),
        )
        end = train_py(*words)
    assert end.code == 0, end.err
    assert end.out.count("kept: ") == 3
    assert epochs == [1]
    resumed = torch.load(sweep / "3/last.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(weights[name], resumed[name]) for name in weights)
    assert (sweep / "0/result.json").read_text() == kept
    assert (sweep / "summary.csv").read_text() == summary
    assert json.loads((sweep / "3/result.json").read_text())["overrides"][0] == "model.filters=[2,2]"
    assert {row["parameters"] for row in rows(sweep / "runs.csv")} == {"406", "820"}
    assert (sweep / "summary.png").is_file()
    end = train_py(*words, "optimizer.lr=1")
    assert end.code == 2
    assert "sweep/0 holds another job; compare" in end.err


@pytest.mark.parametrize(("stops", "steps"), [(10, 14), (10, 24), (7, 16)])
def test_a_training_by_steps_that_goes_on_makes_all_its_steps(train_py, tmp_path, stops, steps):
    """An epoch has 7 batches; a training that stopped within one goes on with the next."""
    words = ("task=train", "model=tiny_lenet", "data.batch_size=200", "schedule=constant", "trainer.max_epochs=null")
    assert train_py(*words, f"trainer.max_steps={stops}", "output=run").code == 0
    end = train_py("task=train", "resume=run", f"trainer.max_steps={steps}")
    assert end.code == 0, end.err
    assert json.loads((tmp_path / "run/result.json").read_text())["steps"] == steps
    assert torch.load(tmp_path / "run/last.ckpt", weights_only=True)["global_step"] == steps


def test_a_changed_length_is_in_the_command_of_a_resumed_training(train_py, tmp_path):
    words = ("task=train", "model=tiny_lenet", "schedule=constant", "+trainer.limit_train_batches=1")
    assert train_py(*words, "trainer.max_epochs=1", "output=run").code == 0
    assert train_py("task=train", "resume=run", "trainer.max_epochs=10").code == 0
    overrides = json.loads((tmp_path / "run/result.json").read_text())["overrides"]
    assert overrides[-1] == "trainer.max_epochs=10"
    assert "trainer.max_epochs=1" in overrides
