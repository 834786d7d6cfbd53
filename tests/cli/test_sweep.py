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


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Where the jobs that can be done were swept in one process."""
    directory = tmp_path_factory.mktemp("alone")
    assert swept(directory, "-m", "seed=0,1", "data.crop_padding=2", "hydra.sweep.dir=sweep").returncode == 0
    return directory


def losses(directory):
    with (directory / "sweep/runs.csv").open() as lines:
        return [row["test_loss"] for row in csv.DictReader(lines)]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_jobs_in_other_processes(tmp_path, alone, launcher):
    """Two of the four jobs ask for what is not allowed."""
    pytest.importorskip(f"hydra_plugins.hydra_{launcher.partition('_')[0]}_launcher")
    end = swept(tmp_path, f"sweep={launcher}", "seed=0,1", "data.crop_padding=2,99", "hydra.sweep.dir=sweep")
    assert end.returncode == 2
    assert "error: 2 of the sweep's jobs failed: 1, 3" in end.stderr
    assert "Without a result: jobs 1, 3." in (tmp_path / "sweep/summary.md").read_text()
    assert losses(tmp_path) == losses(alone)
    assert len(losses(tmp_path)) == 2


SEARCH = ("sweep=optuna", "data.val_size=100", "hydra.sweeper.n_trials=2", "hydra.sweep.dir=search")


@pytest.mark.slow
def test_a_search_goes_on_where_it_was_stopped(tmp_path):
    optuna = pytest.importorskip("optuna")
    space = "optimizer.lr=tag(log,interval(0.001,0.1))"
    for trials in (2, 4):
        end = swept(tmp_path, *SEARCH, space)
        assert end.returncode == 0, end.stderr
        study = optuna.load_study("search", f"sqlite:///{tmp_path}/search/study.db")
        assert len(study.trials) == trials
    with (tmp_path / "search/runs.csv").open() as lines:
        found = {float(row["val_accuracy"]) for row in csv.DictReader(lines)}
    assert found == {trial.value for trial in study.trials}
    assert f"{max(found):.2%}" in next(
        line for line in end.stdout.splitlines() if line.startswith("best by validation")
    )
    other = swept(tmp_path, *SEARCH, "optimizer.lr=choice(0.01,0.02)")
    assert (other.returncode, "search holds another search; compare search/search.json" in other.stderr) == (2, True)


@pytest.mark.slow
def test_a_search_whose_jobs_fail_names_them(tmp_path):
    pytest.importorskip("optuna")
    end = swept(tmp_path, *SEARCH, "data.crop_padding=choice(99,98)")
    assert end.returncode == 2
    assert "error: 2 of the sweep's jobs failed" in end.stderr
    assert "Traceback" not in end.stderr


def test_a_search_needs_validation_images(tmp_path):
    pytest.importorskip("optuna")
    end = swept(tmp_path, "sweep=optuna", "optimizer.lr=interval(0.001,0.1)")
    assert end.returncode == 2
    assert (
        end.stderr.strip()
        == "error: a search goes by the validation accuracy of trainings; set task=train data.val_size="
    )
    assert not (tmp_path / "multirun").exists()
