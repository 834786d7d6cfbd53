"""Two processes on one CPU."""

import json
import subprocess
import sys

from sample import ROOT


def test_ddp_trains_and_tests_every_image_once(tmp_path):
    words = [
        "task=train",
        "model.widths=[2,3,4]",
        "trainer.max_epochs=1",
        "output=run",
        "trainer.enable_progress_bar=false",
    ]
    ddp = ["trainer.devices=2", "trainer.strategy=ddp", "trainer.accelerator=cpu"]
    subprocess.run([sys.executable, str(ROOT / "train.py"), *words, *ddp], check=True, cwd=tmp_path, timeout=300)
    result = json.loads((tmp_path / "run/result.json").read_text())
    right = result["test_accuracy"] * 360
    assert abs(right - round(right)) < 1e-3
    assert result["steps"] == 1437 // 2 // 64
    again = ["task=test", "weights=run", "output=again", "trainer.enable_progress_bar=false"]
    subprocess.run([sys.executable, str(ROOT / "train.py"), *again], check=True, cwd=tmp_path, timeout=300)
    (alone,) = json.loads((tmp_path / "again/result.json").read_text())
    assert alone["test_accuracy"] == result["test_accuracy"]
