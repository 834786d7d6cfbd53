"""People's own images on the command line: where they lie, how long is trained, what is found before the first step."""

import json

import pytest
from omegaconf import OmegaConf
from PIL import Image

from gcm.cli.resume.study import with_absolute_root
from gcm.report.card import split
from gcm.zoo import read_saved

QUICK = ("task=train", "model=tiny_lenet", "data=image_folder", "data.size=16")
LEARNS = (
    "task=train",
    "model=lab_cnn",
    "data=image_folder",
    "data.size=16",
    "optimizer=adam",
    "optimizer.lr=0.01",
    "trainer.max_epochs=20",
)
"""Tells two grey values apart in a second."""


def write(path, value=0, mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (16, 16), value).save(path)


def write_classes(root, count=10, swapped=False):
    """Two classes that differ in brightness; `swapped`: by the other's name."""
    for index in range(count):
        for name, value in (("dark", 20), ("light", 230)):
            write(root / name / f"{index}.png", 250 - value - index if swapped else value + index)


@pytest.mark.parametrize("root", ["photos", "./photos", "../here/photos", "default"])
def test_another_directory_with_such_a_folder_is_not_looked_at(train_py, tmp_path, monkeypatch, root):
    here, there = tmp_path / "here", tmp_path / "there"
    name = "data" if root == "default" else "photos"
    write_classes(here / name)
    write_classes(there / name, swapped=True)
    words = () if root == "default" else (f"data.root={root}",)
    monkeypatch.delenv("GCM_DATA", raising=False)
    monkeypatch.chdir(here)
    assert train_py(*LEARNS, *words, "output=run").code == 0
    assert json.loads((here / "run/result.json").read_text())["test_accuracy"] == 1
    assert OmegaConf.load(here / "run/config.yaml").data.root == str(here / name)
    assert read_saved(here / "run").config.data.root == str(here / name)
    monkeypatch.chdir(there)
    assert train_py("task=test", f"weights={here}/run", "output=tested").code == 0
    assert json.loads((there / "tested/result.json").read_text())[0]["test_accuracy"] == 1
    assert train_py("task=test", f"weights={here}/run", f"data.root={name}", "output=others").code == 0
    assert json.loads((there / "others/result.json").read_text())[0]["test_accuracy"] == 0


def test_a_training_goes_on_with_its_own_images(train_py, tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    write_classes(here / "photos")
    write_classes(there / "photos", swapped=True)
    monkeypatch.chdir(here)
    words = (*QUICK, "data.root=photos", "schedule=constant", "trainer.max_epochs=1", "output=run")
    assert train_py(*words).code == 0
    monkeypatch.chdir(there)
    assert train_py("task=train", f"resume={here}/run", "trainer.max_epochs=2").code == 0
    assert OmegaConf.load(here / "run/config.yaml").data.root == str(here / "photos")


@pytest.mark.parametrize(("stored", "wanted"), [
    ({"root": "photos"}, {"root": "{here}/photos"}),
    ({"root": "{here}/photos", "size": 8}, {"root": "{here}/photos", "size": 8}),
    ({"root": "", "of": {"root": "../x"}}, {"root": "", "of": {"root": "{above}/x"}}),
    ({"seed": 0}, {"seed": 0}),
])  # fmt: skip
def test_a_study_stores_where_its_images_lie(tmp_path, monkeypatch, stored, wanted):
    monkeypatch.chdir(tmp_path)

    def filled(part):
        if isinstance(part, dict):
            return {name: filled(value) for name, value in part.items()}
        return part.format(here=tmp_path, above=tmp_path.parent) if isinstance(part, str) else part

    assert with_absolute_root(filled(stored)) == filled(wanted)


def test_where_published_data_lie_is_left_to_the_environment(train_py, tmp_path):
    words = ("task=train", "model=tiny_lenet", "trainer.max_epochs=1", "+trainer.limit_train_batches=1")
    assert train_py(*words, "output=run").code == 0
    assert "root: ${oc.env:GCM_DATA,data}" in (tmp_path / "run/config.yaml").read_text()


@pytest.mark.slow
def test_a_small_folder_is_learned_with_the_defaults(train_py, tmp_path):
    """As many steps as it takes, in small batches, and what was chosen is said and remembered."""
    write_classes(tmp_path / "photos", count=120)
    end = train_py("task=train", "model.widths=[2,3,4]", "data=image_folder", "data.root=photos", "output=run")
    assert end.code == 0, end.err
    assert end.out.splitlines()[0] == "chosen for 192 training images: data.batch_size=12, trainer.max_epochs=75"
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert (result["steps"], result["epochs"]) == (1200, 75)
    assert result["test_accuracy"] == 1
    stored = OmegaConf.load(tmp_path / "run/config.yaml")
    assert (stored.data.batch_size, stored.trainer.max_epochs) == (12, 75)
    card = read_saved(tmp_path / "run").card
    assert (card.config["data"]["batch_size"], card.config["trainer"]["max_epochs"]) == (12, 75)
    assert "short training" not in end.out


def test_what_was_chosen_stays_when_a_training_goes_on(train_py, tmp_path):
    write_classes(tmp_path / "photos", count=40)
    words = (*QUICK, "data.root=photos", "schedule=constant", "output=run", "trainer.max_epochs=1")
    assert "data.batch_size=8" in train_py(*words).out
    write_classes(tmp_path / "photos", count=400)
    end = train_py("task=train", "resume=run", "trainer.max_epochs=2")
    assert end.code == 0, end.err
    assert "chosen" not in end.out
    assert read_saved(tmp_path / "run").config.data.batch_size == 8


def test_what_is_typed_is_not_chosen(train_py, tmp_path):
    write_classes(tmp_path / "photos")
    end = train_py(*QUICK, "data.root=photos", "data.batch_size=10", "trainer.max_epochs=3", "output=run")
    assert "chosen" not in end.out
    assert "a short training: 6 steps of up to 10 images; more with trainer.max_epochs=" in end.out
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert (result["steps"], result["epochs"]) == (6, 3)


def test_a_sweep_goes_on_with_what_was_chosen(train_py, tmp_path, monkeypatch):
    monkeypatch.setattr("gcm.cli.fitted.STEPS", 40)
    write_classes(tmp_path / "photos")
    words = (
        "-m",
        *QUICK,
        "data.root=photos",
        "seed=0,1",
        "trainer=own_images",
        "hydra.sweep.dir=sweep",
        "+trainer.limit_train_batches=1",
    )
    assert train_py(*words).code == 0
    results = [(tmp_path / "sweep" / str(job) / "result.json") for job in (0, 1)]
    before = results[0].read_text()
    results[1].unlink()
    end = train_py(*words)
    assert end.code == 0, end.err
    assert f"kept: {tmp_path}/sweep/0" in end.out or "kept: sweep/0" in end.out
    assert results[0].read_text() == before
    assert results[1].is_file()


def test_without_test_images_a_training_ends_well(train_py, tmp_path):
    write_classes(tmp_path / "photos")
    words = (*QUICK, "data.root=photos", "data.test_share=0", "data.val_size=4", "trainer.max_epochs=2")
    end = train_py(*words, "output=run")
    assert end.code == 0, end.err
    assert end.out.endswith("not tested: there are no test images\n")
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert result["test_images"] == 0
    assert not {"test_accuracy", "test_loss"} & result.keys()
    assert "val_accuracy" in result
    for task in ("test", "explain"):
        assert "data.test_share=0 leaves no test images" in train_py(f"task={task}", "weights=run").error
    assert "data.test_share=0" in train_py("data=image_folder", "data.root=photos", "data.test_share=0").error
    sweep = ("task=train", "model=tiny_lenet,cnn", "data=image_folder", *words[3:], "hydra.sweep.dir=sweep")
    assert train_py("-m", *sweep).code == 0
    assert "val_accuracy" in (tmp_path / "sweep/summary.csv").read_text()


def test_a_folder_for_validation_is_used_and_remembered(train_py, tmp_path):
    for part in ("train", "val", "test"):
        write_classes(tmp_path / "photos" / part, count=10 if part == "train" else 3)
    end = train_py(*QUICK, "data.root=photos", "trainer.max_epochs=2", "output=run")
    assert end.code == 0, end.err
    assert "data.validation_folder=val" in end.out
    assert (tmp_path / "run/best.ckpt").is_file()
    assert split(read_saved(tmp_path / "run").card) == "all training images; others for validation, in val/"
    assert read_saved(tmp_path / "run").config.data.validation_folder == "val"
    rows = (tmp_path / "run/metrics.csv").read_text()
    assert "val_accuracy" in rows


def refused_before_the_first_step(train_py, tmp_path, *words):
    end = train_py(*QUICK, "data.root=photos", "data.channels=1", "output=run", *words)
    assert "epoch 1" not in end.out
    assert not (tmp_path / "run").exists()
    return end.error


@pytest.mark.parametrize("limit", [(), ("data.memory_limit_mb=1", "data.size=64")])
def test_every_bad_file_is_named_before_the_first_step(train_py, tmp_path, limit):
    """Also in the other splits, and where images stay on disk."""
    for part in ("train", "val", "test"):
        write_classes(tmp_path / "photos" / part, count=150 if limit and part == "train" else 6)
    bad = ["train/dark/0.png", "val/light/1.png", "test/dark/2.png", "test/light/3.png"]
    for name in bad:
        (tmp_path / "photos" / name).write_bytes((tmp_path / "photos" / name).read_bytes()[:40])
    line = refused_before_the_first_step(train_py, tmp_path, *limit)
    assert line.startswith("4 files: ")
    assert all(f"photos/{name} cannot be read as an image" in line for name in bad)
    assert line.endswith("; mend or remove them")


def test_of_many_bad_files_ten_are_named(train_py, tmp_path):
    write_classes(tmp_path / "photos", count=30)
    for path in (tmp_path / "photos/dark").iterdir():
        path.write_bytes(b"")
    line = refused_before_the_first_step(train_py, tmp_path)
    assert line.startswith("30 files: ")
    assert line.count("cannot be read as an image") == 10
    assert line.endswith("; and 20 others; mend or remove them")


@pytest.mark.parametrize(("count", "share", "said"), [
    (2, 0.2, r"dark gives no test image; of 2 there data.test_share=0.2 is 0; add images"),
    (1, 0.2, r"dark gives no test image; of 1 there data.test_share=0.2 is 0; add images"),
    (1, 0.9, r"dark gives no training image; of 1 there data.test_share=0.9 is 1; add images"),
])  # fmt: skip
def test_too_few_for_the_share_is_said_before_the_first_step(train_py, tmp_path, count, share, said):
    write_classes(tmp_path / "photos", count=count)
    assert said in refused_before_the_first_step(train_py, tmp_path, f"data.test_share={share}")
