"""Directories of runs are named after what is looked at, and so are the settings that are used."""

import json
import re
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf

from gcm.cli import run_directory
from gcm.error import InputError

QUICK = {
    "test": ["task.images=20"],
    "explain": ["visualizer=random", "rendering=raw", "count=1"],
    "decline_ratio": ["visualizer=random", "rendering=raw", "task.images=20"],
    "grad_cam": ["count=1"],
    "faithfulness": ["visualizer=random", "metric=sparseness", "task.images=3"],
    "filter_images": ["task.layer=features.0", "task.images_per_class=2", "task.steps=1"],
    "noise_mask": ["task.steps=1", "count=1", "task.copies=2"],
    "regions": ["task.grid=1", "task.images_per_class=2"],
    "verify": [],
}


def made(tmp_path):
    """The one run directory there is, without its time."""
    (directory,) = (tmp_path / "runs").iterdir()
    return re.sub(r"^\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_", "", directory.name)


@pytest.mark.parametrize("task", QUICK)
def test_a_run_is_called_by_its_network(train_py, tmp_path, monkeypatch, task):
    if task == "filter_images":
        words = [word for word in QUICK[task] if "layer" not in word]
        (layer,) = re.findall(r"one of ([\w.]+),", train_py(f"task={task}", "weights=cnn_digits", *words).error)
        words = [*words, f"task.layer={layer}"]
    else:
        words = QUICK[task]
    end = train_py(f"task={task}", "weights=cnn_digits", *words)
    assert end.code == 0, end.err
    assert made(tmp_path) == f"{task}_cnn_digits"


def test_of_other_data_than_the_default(train_py, tmp_path):
    assert train_py("task=explain", "weights=cnn_planted", "visualizer=random", "rendering=raw", "count=1").code == 0
    assert made(tmp_path) == "explain_cnn_planted"


def test_a_training_is_called_by_what_it_trains(train_py, tmp_path):
    assert train_py("task=train", "model=tiny_lenet", "trainer.max_epochs=1", "data.batch_size=700").code == 0
    assert made(tmp_path) == "train_tiny_lenet_digits"


@pytest.mark.parametrize(
    ("names", "words", "expected"),
    [
        ([], [], "gcm_digits"),
        (["cnn_planted"], [], "cnn_planted"),
        (["cnn_planted", "cnn_planted"], [], "cnn_planted"),
        (["cnn_mnist", "gcm_mnist"], [], "cnn_mnist_gcm_mnist"),
        (["cnn_mnist", "gcm_mnist", "cnn3_mnist"], [], "cnn_mnist_and_2_more"),
        (["gcm_cifar10"], ["data=digits"], "gcm_cifar10_on_digits"),
        (["gcm_digits"], ["data=digits"], "gcm_digits"),
        (["gcm_digits"], ["data.root=x"], "gcm_digits"),
    ],
)
def test_what_a_run_is_about(monkeypatch, names, words, expected):
    monkeypatch.setattr(run_directory, "overridden_keys", lambda: [word.split("=")[0] for word in words])
    config = OmegaConf.create({"names": {"model": "gcm", "data": "digits"}})
    networks = [SimpleNamespace(card=SimpleNamespace(name=name, data=name.split("_")[1])) for name in names]
    assert run_directory.subject(config, networks) == expected


def test_names_of_directories_are_made_fit(monkeypatch):
    config = OmegaConf.create({"names": {"model": "gcm", "data": "digits"}})
    monkeypatch.setattr(run_directory, "overridden_keys", list)
    assert run_directory.subject(config, ["my run/データ"]) == "my_run_"
    assert len(run_directory.subject(config, ["a" * 300, "b" * 300])) < 200


@pytest.mark.parametrize(("words", "expected"), [([], 700), (["data.batch_size=7"], 7)])
def test_the_batch_size_is_that_of_the_networks_data(train_py, monkeypatch, words, expected):
    train = ("task=train", "model=tiny_lenet", "trainer.max_epochs=1", "data.batch_size=700", "output=run")
    assert train_py(*train).code == 0

    def told(*arguments, **_):
        raise InputError(f"{arguments[6]} images at once")

    monkeypatch.setattr("gcm.cli.decline_ratio.decline_ratio_cells", told)
    said = train_py("task=decline_ratio", "weights=run", *words).error
    assert said == f"{expected} images at once"


def test_on_the_first_images_alone(train_py, tmp_path):
    from gcm.data import Digits
    from gcm.zoo import load

    assert train_py("task=test", "weights=cnn_digits", "task.images=57", "output=few").code == 0
    (result,) = json.loads((tmp_path / "few/result.json").read_text())
    images, labels = Digits(root="").test[torch.arange(57)]
    with torch.no_grad():
        right = load("cnn_digits")(images / 255).argmax(1) == labels
    assert result["test_images"] == 57
    assert result["test_accuracy"] == pytest.approx(float(right.float().mean()))
    for task in ("test", "decline_ratio"):
        said = train_py(f"task={task}", "weights=cnn_digits", "task.images=361").error
        assert said == "task.images must be 1 to 360, the test images there are; got 361"


def test_measures_see_no_more_images_than_wanted(train_py, tmp_path):
    words = ["task=faithfulness", "weights=gcm_digits", "visualizer=gcm", "metric=[sparseness,completeness]"]
    assert train_py(*words, "metric.completeness.images=2", "task.images=4", "output=few").code == 0
    measures = json.loads((tmp_path / "few/study.json").read_text())["metrics"]
    assert {name: settings["images"] for name, settings in measures.items()} == {"sparseness": 4, "completeness": 2}
