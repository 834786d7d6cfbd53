"""Runs of strangers on the command line: they lead it to no other place, and none of their words is run."""

import json
import re
from dataclasses import replace

import pytest

from gcm.zoo.catalogue import DIRECTORY
from gcm.zoo.weights_file import read_weights, write_weights

CALL = "!!python/object/apply:os.system ['touch {}']"


@pytest.fixture
def no_network(monkeypatch):
    def urlopen(*_, **__):
        raise AssertionError("a stranger's directory would have been downloaded to")

    monkeypatch.setattr("torchvision.datasets.utils.urllib.request.urlopen", urlopen)


def shipped_with(path, name: str, **changed):
    """A shipped network, whose card says other things of its data."""
    card, weights = read_weights(DIRECTORY / f"{name}.safetensors")
    config = {**card.config, "data": {**card.config["data"], **changed}}
    write_weights(path, weights, replace(card, config=config))
    return path


@pytest.mark.parametrize("task", ["verify", "test", "explain"])
def test_where_a_card_says_its_data_lie_nothing_is_downloaded_to(train_py, tmp_path, no_network, task):
    there = tmp_path / "home" / "precious"
    network = shipped_with(tmp_path / "x.safetensors", "gcm_mnist", root=str(there))
    assert (
        "say where it is, or may be downloaded to: data.root=" in train_py(f"task={task}", f"weights={network}").error
    )
    assert not there.exists()


def test_a_card_s_data_are_settings_of_data_and_nothing_else(train_py, tmp_path):
    network = shipped_with(
        tmp_path / "x.safetensors", "gcm_digits", _target_="os.system", command=f"touch {tmp_path}/canary"
    )
    assert "data._target_ must lie in gcm.data; got os.system" in train_py("task=test", f"weights={network}").error
    assert not (tmp_path / "canary").exists()


def study(tmp_path, **changed):
    card, _ = read_weights(DIRECTORY / "gcm_digits.safetensors")
    content = {
        "weights": [str(DIRECTORY / "gcm_digits.safetensors")],
        "weights_sha256": [card.weights_sha256],
        "data": {"_target_": "gcm.data.Digits", "root": ""},
        "visualizers": {"gcm": {"_target_": "gcm.visualizer.ClassWeightMaps"}},
        "metrics": {"sparseness": {"_target_": "gcm.metric.Sparseness", "images": 5}},
        "batch_size": 5,
        "noise_mask_images": 1,
        "compared_with": "gcm",
        **changed,
    }
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "study.json").write_text(json.dumps(content))
    return "resume=run"


STRANGE_STUDIES = {
    "a path as a visualizer's name": ({"visualizers": {"../../x": {"_target_": "gcm.visualizer.ClassWeightMaps"}}}, "must consist of letters, digits, - and _; got '../../x'"),
    "a path as a measure's name": ({"metrics": {"/tmp/x": {"_target_": "gcm.metric.Sparseness"}}}, "must consist of letters, digits, - and _; got '/tmp/x'"),
    "a command as a visualizer": ({"visualizers": {"gcm": {"_target_": "os.system", "command": "ls"}}}, "visualizer.gcm._target_ must lie in gcm.visualizer; got os.system"),
    "a command as data": ({"data": {"_target_": "subprocess.run", "args": "ls"}}, "data._target_ must lie in gcm.data; got subprocess.run"),
    "another file as weights": ({"weights": ["/etc/passwd"]}, "/etc/passwd is not a checkpoint of this project"),
    "a secret": ({"data": {"_target_": "gcm.data.Digits", "root": "${oc.env:SECRET}"}}, "must hold no"),
    "other weights": ({"weights_sha256": ["0" * 64]}, "changed since run was begun"),
    "text for a number": ({"batch_size": "many"}, "study.json cannot be read (wrong or missing: batch_size)"),
}  # fmt: skip


@pytest.mark.parametrize(("changed", "message"), STRANGE_STUDIES.values(), ids=STRANGE_STUDIES)
def test_a_study_names_no_other_place(train_py, tmp_path, monkeypatch, changed, message):
    monkeypatch.setenv("SECRET", "hunter2")
    before = study(tmp_path, **changed)
    files = set(tmp_path.rglob("*"))
    said = train_py("task=faithfulness", before).error
    assert message in said
    assert "hunter2" not in said
    assert set(tmp_path.rglob("*")) == files


def test_a_sweep_s_config_of_a_stranger_is_not_run(train_py, tmp_path):
    job = tmp_path / "sweep" / "0"
    job.mkdir(parents=True)
    canary = tmp_path / "canary"
    (job / "config.yaml").write_text(f"seed: {CALL.format(canary)}\nmodel: {CALL.format(canary)}\n")
    assert train_py("-m", "task=train", "seed=0", "hydra.sweep.dir=sweep").code == 2
    assert not canary.exists()


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"network": "gcm_digits", "overrides": null}', "[" * 100_000])
def test_what_is_no_result_gets_one_line(train_py, tmp_path, content):
    (tmp_path / "sweep/5").mkdir(parents=True)
    (tmp_path / "sweep/5/result.json").write_text(content)
    end = train_py("-m", "task=test", "weights=gcm_digits", "trainer.accelerator=cpu", "hydra.sweep.dir=sweep")
    assert end.code == 2
    assert re.search(
        r"^error: .*sweep/5/result.json (is no result of a run|cannot be read \(.*\)); delete it", end.err, re.M
    )
    assert "Traceback" not in end.err
