"""`task=faithfulness` on the embedded digits."""

import csv

import pytest

from gcm.measure.stability import Stability
from gcm.study.noise_mask import NoiseMaskSettings

FEW = (
    "measure.deletion.images=4", "measure.insertion.images=4", "measure.completeness.images=4",
    "measure.sparseness.images=4", "measure.stability.images=4", "measure.randomization.images=2",
    "measure.grid_pointing.images=2",
)  # fmt: skip
NETWORKS = ("task=faithfulness", "weights=[gcm_digits,cnn_digits]")
TASK = (*NETWORKS, *FEW)


def rows(path):
    with path.open() as lines:
        return {(row["network"], row["visualizer"], row["measure"]): row for row in csv.DictReader(lines)}


def test_table_figure_and_values(train_py, tmp_path):
    end = train_py(*TASK, "visualizer=[gcm_contribution,cam]", "output=out")
    assert end.code == 0, end.err
    table = rows(tmp_path / "out/faithfulness.csv")
    assert len(table) == 2 * 4 * 8
    own = table["gcm", "gcm_contribution", "completeness"]
    assert own["by_construction"] == "True"
    assert float(own["mean"]) < 1e-6
    assert own["kind"] == "by design"
    assert table["cnn", "cam", "deletion"]["n"] == "4"
    assert float(table["cnn", "cam", "deletion"]["difference_mean"]) == pytest.approx(
        float(table["cnn", "cam", "deletion"]["mean"]) - float(table["gcm", "gcm_contribution", "deletion"]["mean"])
    )
    assert table["gcm", "cam", "deletion"]["reason"].startswith("CAM needs")
    assert table["cnn", "cam", "planted_pointing"]["reason"] == "nobody knows where in digits the evidence lies"
    text = (tmp_path / "out/faithfulness.md").read_text()
    assert "| network | visualizer | kind | grid_pointing ↑ | completeness ↓ | deletion ↓ |" in text
    assert "- n/a cam on gcm: CAM needs global average pooling" in text
    assert "- `*` gcm_contribution x completeness: " in text
    assert (tmp_path / "out/faithfulness.png").stat().st_size > 10_000
    assert "cam" in end.out


def test_a_noise_mask_is_measured_where_one_map_is_enough(train_py, tmp_path, monkeypatch):
    monkeypatch.setattr("gcm.task.faithfulness.NoiseMaskSettings", lambda: NoiseMaskSettings(steps=2, samples=2))
    end = train_py("task=faithfulness", "weights=cnn_digits", "measure=[deletion,completeness]", "visualizer=noise_mask",
                   "task.noise_mask_images=2", "output=out")  # fmt: skip
    assert end.code == 0, end.err
    table = rows(tmp_path / "out/faithfulness.csv")
    assert table["cnn", "noise_mask", "completeness"]["reason"] == "one map for all classes"
    assert table["cnn", "noise_mask", "deletion"]["n"] == "2"


def test_an_interrupted_run_goes_on(train_py, tmp_path, monkeypatch):
    choice = (*NETWORKS, "visualizer=[gcm_contribution,grad_cam]", "measure=[stability,sparseness]",
              "measure.stability.images=3", "measure.sparseness.images=3")  # fmt: skip
    assert train_py(*choice, "output=whole").code == 0
    asked, update = [], Stability.update

    def stopped(measure, metric, shown):
        asked.append(type(shown.subject.network).__name__)
        if len(asked) == 3:
            raise KeyboardInterrupt
        update(measure, metric, shown)

    monkeypatch.setattr(Stability, "update", stopped)
    assert train_py(*choice, "output=out").code == 130
    assert not (tmp_path / "out/faithfulness.csv").exists()
    assert "measure.stability.draws cannot change" in train_py("resume=out", "measure.stability.draws=5",
                                                               "task=faithfulness").error  # fmt: skip
    assert train_py("task=faithfulness", "resume=out").code == 0
    assert asked == ["GCM", "GCM", "GCM", "GCM", "CNN", "CNN", "CNN"]
    for name in ("faithfulness.csv", "faithfulness.md"):
        assert (tmp_path / "out" / name).read_text() == (tmp_path / "whole" / name).read_text()


def test_a_damaged_file_of_values_is_named(train_py, tmp_path):
    one = ("task=faithfulness", "weights=cnn_digits", "visualizer=cam", *FEW)
    assert train_py(*one, "output=out").code == 0
    (tmp_path / "out/values/cnn_seed0_cam.npz").write_bytes(b"no")
    assert "cnn_seed0_cam.npz cannot be read" in train_py("task=faithfulness", "resume=out").error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["visualizer=cam", "weights=gcm_digits"], "none of the visualizers cam fits"),
        (["visualizer=gcm", "weights=[gcm_digits,gcm_digits]"], "several networks of model gcm with one seed"),
        (["measure.deletion.baseline=2"], "measure.deletion.baseline: must be less than or equal to 1; got 2"),
        (["measure.deletion.step=2"], "unknown setting measure.deletion.step; did you mean steps"),
        (["measure=delete"], "no 'delete' in measure; allowed: all, completeness, deletion"),
        (["data=planted", "data.test_images=2"], "was trained on 1 channels and classes"),
    ],
)
def test_wrong_input_gets_one_line(train_py, tmp_path, words, message):
    assert message in train_py(*TASK, *words, "output=out").error
    assert not (tmp_path / "out").exists()
