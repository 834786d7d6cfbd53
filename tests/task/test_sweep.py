"""Sweeps whose jobs run in processes of their own: as in one process, and what failed is named."""

import csv
import subprocess
import sys

import pytest
from sample import ROOT

TINY = ("task=train", "model.widths=[2,3,4]", "+trainer.limit_train_batches=2", "trainer.max_epochs=1",
        "trainer.enable_progress_bar=false")  # fmt: skip


def swept(directory, *words):
    command = [sys.executable, str(ROOT / "train.py"), *words, *TINY]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_jobs_in_other_processes(tmp_path, launcher):
    pytest.importorskip(f"hydra_plugins.hydra_{launcher.partition('_')[0]}_launcher")
    alone = tmp_path / "alone"
    alone.mkdir()
    assert swept(alone, "-m", "seed=0,1", "hydra.sweep.dir=sweep").returncode == 0
    end = swept(tmp_path, f"sweep={launcher}", "seed=0,1", "hydra.sweep.dir=sweep")
    assert end.returncode == 0, end.stderr
    with (tmp_path / "sweep/runs.csv").open() as lines, (alone / "sweep/runs.csv").open() as expected:
        one, other = ([row["test_loss"] for row in csv.DictReader(rows)] for rows in (lines, expected))
    assert one == other
    assert len(one) == 2
    failing = swept(tmp_path, f"sweep={launcher}", "data.crop_padding=2,99", "hydra.sweep.dir=failing")
    assert failing.returncode == 2
    assert "error: 1 of the sweep's jobs failed: 1" in failing.stderr
    assert "Without a result: job 1." in (tmp_path / "failing/summary.md").read_text()
