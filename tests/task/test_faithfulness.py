"""`task=faithfulness` on the embedded digits."""

import csv
import re
import signal

import pytest

from gcm.metric import Stability

FEW = (
    "metric.deletion.images=4", "metric.insertion.images=4", "metric.completeness.images=4",
    "metric.sparseness.images=4", "metric.stability.images=4", "metric.randomization.images=2",
    "metric.grid_pointing.images=2",
)  # fmt: skip
NETWORKS = ("task=faithfulness", "weights=[gcm_digits,cnn_digits]")
TASK = (*NETWORKS, *FEW)


def rows(path):
    with path.open() as lines:
        return {(row["network"], row["visualizer"], row["measure"]): row for row in csv.DictReader(lines)}


def test_table_figure_and_values(train_py, tmp_path):
    end = train_py(*TASK, "visualizer=cam", "output=out")
    assert end.code == 0, end.err
    table = rows(tmp_path / "out/faithfulness.csv")
    assert len(table) == 2 * 4 * 8
    assert next(iter(table))[1] == "cam"  # what was asked for comes first
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
    assert re.search(r"^- `\*` .*gcm_contribution x completeness.*: ", text, re.MULTILINE)
    assert (tmp_path / "out/faithfulness.png").stat().st_size > 10_000
    assert "cam" in end.out


def test_a_noise_mask_is_measured_where_one_map_is_enough(train_py, tmp_path):
    end = train_py("task=faithfulness", "weights=cnn_digits", "metric=[deletion,completeness]", "visualizer=noise_mask",
                   "visualizer.noise_mask.steps=2", "visualizer.noise_mask.samples=2",
                   "metric.deletion.images=2", "metric.completeness.images=2",
                   "task.noise_mask_images=2", "output=out")  # fmt: skip
    assert end.code == 0, end.err
    table = rows(tmp_path / "out/faithfulness.csv")
    assert table["cnn", "noise_mask", "completeness"]["reason"] == "one map for all classes"
    assert table["cnn", "noise_mask", "deletion"]["n"] == "2"


def test_a_visualizer_that_no_measure_fits_is_left_empty(train_py, tmp_path):
    end = train_py("task=faithfulness", "weights=cnn_digits", "metric=completeness", "visualizer=[cam,noise_mask]",
                   "metric.completeness.images=3", "output=out")  # fmt: skip
    assert end.code == 0, end.err
    assert "- n/a noise_mask on cnn: one map for all classes" in (tmp_path / "out/faithfulness.md").read_text()


def test_an_interrupted_run_goes_on(train_py, tmp_path, monkeypatch):
    choice = (*NETWORKS, "visualizer=[gcm_contribution,grad_cam]", "metric=[stability,sparseness]",
              "metric.stability.images=3", "metric.sparseness.images=3")  # fmt: skip
    assert train_py(*choice, "output=whole").code == 0
    asked, update = [], Stability.update_with

    def stopped(metric, batch):
        asked.append(type(batch.network).__name__)
        if len(asked) == 3:
            signal.raise_signal(signal.SIGINT)
        update(metric, batch)

    monkeypatch.setattr(Stability, "update_with", stopped)
    assert train_py(*choice, "output=out").code == 130
    assert not (tmp_path / "out/faithfulness.csv").exists()
    assert "metric.stability.draws cannot change" in train_py("resume=out", "metric.stability.draws=5",
                                                               "task=faithfulness").error  # fmt: skip
    assert train_py("task=faithfulness", "resume=out").code == 0
    assert asked == ["GCM", "GCM", "GCM", "GCM", "CNN", "CNN", "CNN"]
    for name in ("faithfulness.csv", "faithfulness.md"):
        assert (tmp_path / "out" / name).read_text() == (tmp_path / "whole" / name).read_text()


def test_a_damaged_file_of_values_is_named(train_py, tmp_path):
    one = ("task=faithfulness", "weights=cnn_digits", "visualizer=cam", *FEW)
    assert train_py(*one, "output=out").code == 0
    (damaged,) = (tmp_path / "out/values").glob("cnn_digits_seed0_*_cam.npz")
    damaged.write_bytes(b"no")
    assert f"{damaged.name} cannot be read" in train_py("task=faithfulness", "resume=out").error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["visualizer=cam", "weights=gcm_digits"], "none of the visualizers cam fits"),
        (["visualizer=gcm", "weights=[gcm_digits,gcm_digits]"], "is named twice, or a copy of it"),
        (["task.compared_with=cam"], "task.compared_with must be one of gcm, gcm_contribution; got cam"),
        (["indices=[3]"], "task=faithfulness does not use indices="),
        (["start=3"], "task=faithfulness does not use start="),
        (["metric.grid_pointing.rows=1"], "metric.grid_pointing.rows: must be greater than or equal to 2; got 1"),
        (["metric.deletion.baseline=2"], "metric.deletion.baseline: must be less than or equal to 1; got 2"),
        (["metric.deletion.step=2"], "unknown setting metric.deletion.step; did you mean steps"),
        (["metric=delete"], "no 'delete' in metric; allowed: all, completeness, decline_ratio, deletion"),
        (["data=planted", "data.test_images=2"], "was trained on 1 channels and classes"),
    ],
)
def test_wrong_input_gets_one_line(train_py, tmp_path, words, message):
    assert message in train_py(*TASK, *words, "output=out").error
    assert not (tmp_path / "out").exists()


def test_measures_none_of_which_fits_are_refused(train_py):
    words = (*NETWORKS, "visualizer=cam", "metric=planted_pointing")
    assert "none of the metrics planted_pointing fits: nobody knows where in digits" in train_py(*words).error


def test_grids_have_no_accuracy(train_py):
    words = ("weights=cnn_digits", "data=grid", "data@data.of=digits")
    assert "an image of data=grid shows several classes" in train_py("task=test", *words).error
    assert "an image of data=grid shows several classes" in train_py("task=decline_ratio", *words).error


def test_variants_of_a_model_are_rows_of_their_own_and_seeds_are_not(train_py, tmp_path):
    quick = ("task=train", "model=cnn", "trainer.max_steps=2")
    for name, words in {"a": "[4,4] seed=0", "b": "[4,4] seed=1", "c": "[4,8] seed=0"}.items():
        assert train_py(*quick, *f"model.widths={words}".split(), f"output={name}").code == 0
    end = train_py("task=faithfulness", "weights=[a,b,c]", "visualizer=cam", "metric=sparseness",
                   "metric.sparseness.images=5", "output=out")  # fmt: skip
    assert end.code == 0, end.err
    table = rows(tmp_path / "out/faithfulness.csv")
    seeds = {network: row["seeds"] for (network, visualizer, _), row in table.items() if visualizer == "cam"}
    assert list(seeds.values()) == ["2", "1"]
    assert len(list((tmp_path / "out/values").glob("*.npz"))) == 3 * 3
    assert {name.rpartition("/")[2] for name in seeds} == {"a", "c"}


def test_networks_of_one_size_say_so(train_py, tmp_path):
    """A path network of 32x32 pixels on grids of 64x64."""
    assert train_py("task=train", "model=tiny_lenet", "trainer.max_epochs=1", "output=lenet").code == 0
    words = ("task=faithfulness", "weights=lenet", "visualizer=saliency", "metric=sparseness", "output=out")
    assert "the network takes 32x32 pixels only" in train_py(*words, "data=grid", "data.grids=2",
                                                             "data@data.of=digits").error  # fmt: skip
