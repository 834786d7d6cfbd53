"""`task=noise_mask` on the embedded digits."""

import csv
import json
import signal

import numpy as np
import pytest

from gcm.visualizer.noise_mask_search import NoiseMaskSearch

IMAGES = ("weights=cnn_digits", "count=3", "task.copies=5")


def test_masks_history_and_trial_are_written(train_py, tmp_path):
    end = train_py("task=noise_mask", *IMAGES, "task.steps=10", "task.output_threshold=0.0", "output=out")
    assert end.code == 0, end.err
    with np.load(tmp_path / "out/noise_masks.npz", allow_pickle=False) as found:
        assert found["strength"].shape == (3, 32, 32)
        assert found["excess"].shape == found["noise"].shape == (3, 10)
        assert found["image"].tolist() == [0, 1, 2]
    with (tmp_path / "out/noise_masks.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert [row["image"] for row in rows] == ["0", "1", "2"]
    assert [row["predicted_real"] for row in rows] == [row["class"] for row in rows]
    assert "| full, where the mask is low |" in (tmp_path / "out/noise_masks.md").read_text()
    assert (tmp_path / "out/noise_masks.png").stat().st_size > 10_000
    study = json.loads((tmp_path / "out/study.json").read_text())
    assert study["mask"]["thresholds"] == {"first": 0.2, "hidden": 0.0, "output": 0.0}


@pytest.mark.slow
def test_an_interrupted_run_goes_on_by_its_own_settings(train_py, tmp_path, monkeypatch):
    many = ("task=noise_mask", *IMAGES, "task.steps=4", "task.samples=200")  # two images at once, so two searches
    assert train_py(*many, "output=whole").code == 0
    steps, take_step = [], NoiseMaskSearch.take_step

    def stopped_at_7(search, places):
        steps.append(search.step)
        if len(steps) == 7:
            signal.raise_signal(signal.SIGINT)
        take_step(search, places)

    with monkeypatch.context() as patch:
        patch.setattr("gcm.cli.resume.study.SAVED_EVERY", 0.0)
        patch.setattr(NoiseMaskSearch, "take_step", stopped_at_7)
        assert train_py(*many, "output=out").code == 130
        assert not (tmp_path / "out/noise_masks.csv").exists()
        assert "task.steps cannot change on resume" in train_py("task=noise_mask", "resume=out", "task.steps=9").error
        assert train_py("task=noise_mask", "resume=out").code == 0
    assert steps == [0, 1, 2, 3, 0, 1, 2, 2, 3]
    for name in ("noise_masks.csv", "noise_masks.md"):
        assert (tmp_path / "out" / name).read_text() == (tmp_path / "whole" / name).read_text()


def test_files_that_do_not_belong_to_a_run_are_refused(train_py, tmp_path):
    words = ("task=noise_mask", *IMAGES, "task.steps=1", "task.samples=200", "output=out")
    assert train_py(*words).code == 0
    (tmp_path / "out/search_1.npz").replace(tmp_path / "out/search_0.npz")
    assert "is of other images" in train_py("task=noise_mask", "resume=out").error
    (tmp_path / "out/search_0.npz").write_bytes(b"half")
    assert "delete it, and its images start anew" in train_py("task=noise_mask", "resume=out").error
    study = json.loads((tmp_path / "out/study.json").read_text())
    (tmp_path / "out/study.json").write_text(json.dumps({**study, "indices": [0, 360]}))
    assert "digits has 360 test images; out studies no. 360" in train_py("task=noise_mask", "resume=out").error
    for wrong in ([], [-1]):
        (tmp_path / "out/study.json").write_text(json.dumps({**study, "indices": wrong}))
        assert "wrong or missing: indices" in train_py("task=noise_mask", "resume=out").error
    (tmp_path / "out/study.json").write_text(json.dumps({**study, "mask": {**study["mask"], "steps": "many"}}))
    assert "wrong or missing: mask.steps" in train_py("task=noise_mask", "resume=out").error
    (tmp_path / "out/study.json").write_bytes(b"\xff")
    assert "out is no run directory of task=noise_mask" in train_py("task=noise_mask", "resume=out").error


def test_a_table_of_class_maps_says_why_it_has_no_noise_mask(train_py, tmp_path):
    words = ("weights=cnn_digits", "visualizer=[uniform,noise_mask]", "rendering=raw", "output=out")
    end = train_py("task=decline_ratio", *words)
    assert end.code == 0, end.err
    assert "n/a noise_mask on cnn: one map for all classes" in end.out
    assert "- n/a noise_mask on cnn: one map for all classes" in (tmp_path / "out/decline_ratio.md").read_text()
