"""The shell lab on the embedded digits: train, look, watch it learn, ask what it does not know."""

import csv
import re
import shlex

import pytest
from PIL import Image

from gcm.data import Digits

LAB = ("experiment=lab", "data=digits", "data.val_size=100", "trainer.max_epochs=2")


def rows_of(path):
    with path.open() as lines:
        return list(csv.DictReader(lines))


def test_training_says_how_it_goes_and_keeps_every_iteration(train_py, tmp_path):
    end = train_py(*LAB, "trainer.max_steps=12", "checkpoint.every_n_steps=4", "output=run")
    assert end.code == 0, end.err
    first = next(line for line in end.out.splitlines() if line.startswith("epoch 1:"))
    values = rows_of(tmp_path / "run/metrics.csv")[0]
    for words, name in (
        ("training loss", "train_loss"),
        ("of the latest batch", "latest_batch_loss"),
        ("validation loss", "val_loss"),
    ):
        assert f"{words} {float(values[name]):.4f}" in first
    saved = {path.name for path in (tmp_path / "run").glob("step_*.ckpt")}
    assert saved == {"step_0.ckpt", "step_4.ckpt", "step_8.ckpt", "step_12.ckpt"}
    sheet = train_py("task=grad_cam", "weights=run/step_0.ckpt", "label=3", "count=7", "output=sheet")
    assert "test images: " in sheet.out
    assert (tmp_path / "sheet/grad_cam_rectified.png").is_file()


@pytest.mark.parametrize(
    ("words", "start", "count"),
    [((), 0, 10), (("start=17", "count=4"), 17, 4), (("label=3",), 0, 10), (("explained=label", "count=2"), 0, 2)],
)
def test_a_sheet_of_one_class(train_py, words, start, count):
    end = train_py("task=grad_cam", "weights=cnn_digits", "output=out", *words)
    assert end.code == 0, end.err
    label = 3 if "label=3" in words else 7
    of_class = [index for index, truth in enumerate(Digits().test.labels.tolist()) if truth == label and index >= start]
    assert f"test images: {' '.join(map(str, of_class[:count]))}\n" in end.out
    assert f"of {count} are classified correctly (black ground)" in end.out
    (command,) = re.findall("next: python train.py (.*)", end.out)
    other = "explained=predicted" if "explained=label" in words else "explained=label"
    assert other in command
    assert train_py(*shlex.split(command), "output=again").code == 0


def test_chosen_images_are_shown_whatever_their_class(train_py):
    end = train_py("task=grad_cam", "weights=cnn_digits", "indices=[3,1]", "output=out")
    assert "test images: 3 1\n" in end.out


def test_other_visualizers_and_what_does_not_fit(train_py):
    assert train_py("task=grad_cam", "weights=gcm_digits", "visualizer=gcm", "output=own").code == 0
    assert "does not fit GCM" in train_py("task=grad_cam", "weights=gcm_digits").error
    assert (
        "draws one visualizer, got gcm, cam"
        in train_py("task=grad_cam", "weights=gcm_digits", "visualizer=[gcm,cam]").error
    )
    assert (
        "must be 'predicted' or 'label'; got 'truth'"
        in train_py("task=grad_cam", "weights=cnn_digits", "explained=truth").error
    )
    assert "indices= and label= both" in train_py("task=grad_cam", "weights=cnn_digits", "indices=[1]", "label=3").error


@pytest.mark.slow
def test_runs_are_trained_and_watched(train_py, tmp_path):
    end = train_py("task=evolution", "task.experiments=[lab_batch128,lab_lr001]", "data=digits", "data.val_size=0", "trainer.max_steps=6",
                   "iterations=[6,0,2]", "task.images=40", "task.images_per_class=3", "output=out")  # fmt: skip
    assert end.code == 0, end.err
    rows = rows_of(tmp_path / "out/evolution.csv")
    assert [(row["run"], row["iteration"]) for row in rows] == [
        (run, step) for run in ("lab_batch128", "lab_lr001") for step in ("0", "2", "6")
    ]
    assert all(0 < int(row[f"on_object_{explained}_n"]) <= 40 for row in rows for explained in ("predicted", "label"))
    assert rows[0]["command"].startswith("python train.py experiment=lab_batch128 data=digits")
    assert [row["moved_label_mean"] == "" for row in rows] == [True, False, False] * 2
    assert rows[0]["accuracy"] == rows[3]["accuracy"]  # both start from the same network
    layers = rows_of(tmp_path / "out/layers.csv")
    assert len(layers) == 2 * 7 * 4
    assert {row["weights"] for row in layers if row["step"] == "6"} == {"0.0"}
    assert {row["weights"] for row in layers if row["step"] == "0"} == {"1.0"}
    with Image.open(tmp_path / "out/lab_lr001_evolution.gif") as animation:
        assert animation.n_frames == 7
    for name in ("lab_batch128_evolution.png", "lab_batch128_layers.png", "evolution.md"):
        assert (tmp_path / "out" / name).is_file()
    again = train_py("task=evolution", "weights=[out/lab_batch128,out/lab_lr001]", "iterations=[6,0,2]", "task.images=40",
                     "task.images_per_class=3", "task.animation=false", "output=again")  # fmt: skip
    assert again.code == 0, again.err
    assert (tmp_path / "again/evolution.csv").read_text() == (tmp_path / "out/evolution.csv").read_text()
    assert not list((tmp_path / "again").glob("*.gif"))
    wrong = train_py("task=evolution", "weights=out/lab_batch128", "iterations=[0,9]").error
    assert wrong == "iterations 9 were not saved in out/lab_batch128; there are 0, 1, 2, 3, 4, 5 … 6"
    assert not (tmp_path / "runs").exists()


def test_what_evolution_refuses(train_py):
    assert "needs weights=RUN, or task.experiments=" in train_py("task=evolution").error
    assert "keeps no step_….ckpt" in train_py("task=evolution", "weights=nowhere").error
    assert "no 'lab_batch' in experiment" in train_py("task=evolution", "task.experiments=[lab_batch]").error
    assert (
        "iterations: must have 1 items or more" in train_py("task=evolution", "weights=nowhere", "iterations=[]").error
    )


def train_stochastic(train_py, model, *more):
    words = ("task=train", f"model={model}", "model.filters=[4,4]", "model.hidden=16", "data=digits", "optimizer=adam",
             "optimizer.lr=0.01", f"output={model}")  # fmt: skip
    assert train_py(*words, *more).code == 0


@pytest.mark.slow
def test_networks_are_asked_what_they_do_not_know(train_py, tmp_path):
    train_stochastic(train_py, "mc_dropout_cnn", "trainer.max_epochs=10")
    train_stochastic(train_py, "bayesian_cnn", "trainer.max_epochs=10", "model.tempering=0.01")
    end = train_py(
        "task=uncertainty",
        "weights=[mc_dropout_cnn,bayesian_cnn]",
        "task.passes=5",
        "cover=[8,8,6,6]",
        "task.classes=[6,0]",
        "output=out",
    )
    assert end.code == 0, end.err
    out = tmp_path / "out"
    for name in (
        "mc_dropout_cnn_covered.png",
        "bayesian_cnn_covered.png",
        "reliability.png",
        "unlike.png",
        "uncertainty.md",
    ):
        assert (out / name).is_file()
    calibrated = rows_of(out / "calibration.csv")
    assert [(row["network"], row["asked"], row["images"]) for row in calibrated] == [
        (model, asked, images)
        for model in ("mc_dropout_cnn", "bayesian_cnn")
        for asked in ("softmax, once", "5 passes")
        for images in ("test images", "covered test images")
    ]
    assert all(0 <= float(row["calibration_error"]) <= 1 for row in calibrated)
    unlike = rows_of(out / "unlike.csv")
    assert len(unlike) == 2 * 2 * (2 + 3)
    assert {row["unlike"] for row in unlike} == {"inverted", "noise"}
    assert len(rows_of(out / "covered.csv")) == 2 * 2 * 2


def test_what_uncertainty_leaves_out_or_refuses(train_py):
    train_stochastic(train_py, "mc_dropout_cnn", "trainer.max_epochs=1")
    letters = train_py(
        "task=uncertainty",
        "weights=mc_dropout_cnn",
        "task.passes=2",
        "data.unlike=fashion_mnist",
        "data.root=nowhere",
        "output=left_out",
    )
    assert "left out: fashion_mnist is not complete" in letters.out
    assert (
        "must lie within 32x32 pixels, got [30, 0, 3, 1]"
        in train_py("task=uncertainty", "weights=mc_dropout_cnn", "cover=[30,0,3,1]").error
    )
    assert "data.unlike: must be" in train_py("task=uncertainty", "weights=mc_dropout_cnn", "data.unlike=letters").error


def test_what_a_training_will_not_keep_is_refused_before_it(train_py, tmp_path):
    digits = ("task=evolution", "data=digits", "data.val_size=0", "output=out")
    assert (
        "lab_batch128 will keep the iterations: multiples of 1 up to 11; got iterations=[0, 1, 10, 50]"
        in train_py(*digits, "task.experiments=[lab_batch128]").error
    )
    assert (
        "lab will keep the iterations: none, without checkpoint.every_n_steps=1"
        in train_py(*digits, "task.experiments=[lab]").error
    )
    assert (
        "does not fit GCM" in train_py(*digits, "task.experiments=[lab_batch128]", "iterations=[1]", "model=gcm").error
    )
    assert (
        "at most"
        in train_py(*digits, "task.experiments=[lab_batch128]", "iterations=[1]", "task.images_per_class=99").error
    )
    assert not (tmp_path / "out").exists()


def test_a_network_that_never_doubts_is_refused(train_py):
    assert "none of the networks in weights= is stochastic" in train_py("task=uncertainty", "weights=cnn_digits").error
