"""Two processes on one CPU."""

import csv
import json
import subprocess
import sys

import pytest
from sample import ROOT


@pytest.mark.slow
def test_ddp_does_the_whole_job_and_tests_every_image_once(tmp_path):
    words = [
        "visualizer=[gcm,cam]",
        "rendering=raw",
        "task.baseline.widths=[2,3,4]",
        "model.widths=[2,3,4]",
        "trainer.max_epochs=1",
        "output=run",
        "trainer.enable_progress_bar=false",
    ]
    ddp = ["trainer.devices=2", "trainer.strategy=ddp", "trainer.accelerator=cpu"]
    subprocess.run([sys.executable, str(ROOT / "train.py"), *words, *ddp], check=True, cwd=tmp_path, timeout=300)
    result = json.loads((tmp_path / "run/gcm/result.json").read_text())
    right = result["test_accuracy"] * 360
    assert abs(right - round(right)) < 1e-3
    assert result["steps"] == 1437 // 2 // 64
    again = ["task=test", "weights=run/gcm", "output=again", "trainer.enable_progress_bar=false"]
    subprocess.run([sys.executable, str(ROOT / "train.py"), *again], check=True, cwd=tmp_path, timeout=300)
    rows = list(csv.DictReader((tmp_path / "run/decline_ratio.csv").read_text().splitlines()))
    assert [row["n"] for row in rows] == ["360", "360"]
    (alone,) = json.loads((tmp_path / "again/result.json").read_text())
    assert alone["test_accuracy"] == result["test_accuracy"]


@pytest.mark.slow
def test_two_processes_make_the_table_of_one(tmp_path):
    """357 images: the last batches are uneven, and one process has one image more."""
    words = ["task=decline_ratio", "weights=[gcm_digits,cnn_digits]", "visualizer=[gcm,cam,saliency,random]",
             "data.batch_size=50", "task.images=357", "trainer.enable_progress_bar=false"]  # fmt: skip
    ddp = ["trainer.devices=2", "trainer.strategy=ddp", "trainer.accelerator=cpu"]
    for name, more in (("one", []), ("two", ddp)):
        command = [sys.executable, str(ROOT / "train.py"), *words, *more, f"output={name}"]
        subprocess.run(command, check=True, cwd=tmp_path, timeout=300)
    one, two = ((tmp_path / name / "decline_ratio.csv").read_text() for name in ("one", "two"))
    assert one == two
    assert {row["n"] for row in csv.DictReader(one.splitlines()) if row["n"]} == {"357"}
