"""`task=noise_mask` on the embedded digits."""

import csv
import json

import numpy as np

IMAGES = ("weights=cnn_digits", "count=3", "task.copies=5")


def test_masks_history_and_trial_are_written(train_py, tmp_path):
    end = train_py("task=noise_mask", *IMAGES, "task.steps=10", "task.output_threshold=0.0", "output=out")
    assert end.code == 0, end.err
    with np.load(tmp_path / "out/noise_masks.npz", allow_pickle=False) as found:
        assert found["strength"].shape == (3, 32, 32)
        assert found["change"].shape == found["noise"].shape == (10, 3)
        assert found["image"].tolist() == [0, 1, 2]
    with (tmp_path / "out/noise_masks.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert [row["image"] for row in rows] == ["0", "1", "2"]
    assert all(0 <= float(row["kept_mask_real"]) <= 1 for row in rows)
    assert "| full, where the mask is low |" in (tmp_path / "out/noise_masks.md").read_text()
    assert (tmp_path / "out/noise_masks.png").stat().st_size > 10_000
    study = json.loads((tmp_path / "out/study.json").read_text())
    assert study["mask"]["thresholds"] == {"first": 0.2, "hidden": 0.0, "output": 0.0}


def test_an_interrupted_run_goes_on_by_its_own_settings(train_py, tmp_path):
    many = (*IMAGES, "task.steps=3", "task.samples=200", "output=out")  # two images at once, so two searches
    assert train_py("task=noise_mask", *many).code == 0
    table = (tmp_path / "out/noise_masks.csv").read_text()
    for name in ("search_1.npz", "noise_masks.csv", "noise_masks.npz"):
        (tmp_path / "out" / name).unlink()
    assert "task.steps cannot change on resume" in train_py("task=noise_mask", "resume=out", "task.steps=9").error
    assert train_py("task=noise_mask", "resume=out").code == 0
    assert (tmp_path / "out/noise_masks.csv").read_text() == table
    (tmp_path / "out/search_0.npz").write_bytes(b"half")
    assert "delete it, and its images start anew" in train_py("task=noise_mask", "resume=out").error
    (tmp_path / "out/search_1.npz").rename(tmp_path / "out/search_0.npz")
    assert "is of other images" in train_py("task=noise_mask", "resume=out").error


def test_a_table_of_class_maps_says_why_it_has_no_noise_mask(train_py, tmp_path):
    words = ("weights=cnn_digits", "visualizer=[uniform,noise_mask]", "rendering=raw", "output=out")
    end = train_py("task=decline_ratio", *words)
    assert end.code == 0, end.err
    assert "n/a noise_mask on cnn: one map for all classes" in end.out
    assert "n/a: one map for all classes" in (tmp_path / "out/decline_ratio.md").read_text()
