"""People's own images on the command line: where they lie, how long is trained, what is found before the first step."""

import json

import pytest
from omegaconf import OmegaConf
from PIL import Image

from gcm.zoo import read_saved

QUICK = ("task=train", "model=tiny_lenet", "data=image_folder", "data.size=16")


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
    assert train_py(*QUICK, *words, "trainer.max_epochs=20", "output=run").code == 0
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


def test_where_published_data_lie_is_left_to_the_environment(train_py, tmp_path):
    words = ("task=train", "model=tiny_lenet", "trainer.max_epochs=1", "+trainer.limit_train_batches=1")
    assert train_py(*words, "output=run").code == 0
    assert "root: ${oc.env:GCM_DATA,data}" in (tmp_path / "run/config.yaml").read_text()
