"""The package as others get it: a wheel, installed where nothing of this checkout can be imported."""

import csv
import json
import os
import re
import shlex
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from email import message_from_bytes
from functools import partial
from pathlib import Path

import pytest
import torch
from sample import ROOT

PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
PROGRESS = "trainer.enable_progress_bar=false"
LITTLE = ("task=train", "model=tiny_lenet", "trainer.max_epochs=1", "+trainer.limit_train_batches=2", PROGRESS)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    subprocess.run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", directory, ROOT], check=True)
    (built,) = directory.iterdir()
    return built


def files_below(directory: Path) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in directory.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_package_its_configs_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    (about,) = {name.partition("/")[0] for name in names} - {"gcm"}
    assert re.fullmatch(r"gcm-[\d.]+\.dist-info", about)
    configs = {f"gcm/{name}" for name in files_below(ROOT / "configs")}
    assert {name for name in names if name.startswith("gcm/")} == files_below(ROOT / "gcm") | configs
    assert {
        "gcm/py.typed",
        "gcm/configs/train.yaml",
        "gcm/zoo/weights/SHA256SUMS",
        "gcm/report/template/card.md.j2",
    } <= names
    assert f"{about}/licenses/LICENSE" in names


def test_the_wheel_says_what_it_is(wheel):
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    said = message_from_bytes(archive.read(metadata))
    assert (said["Name"], said["License-Expression"], said["License-File"]) == ("gcm", "MIT", "LICENSE")
    assert said["Author"] == "The gcm authors"
    assert any(line.startswith("filelock") for line in said.get_all("Requires-Dist"))
    entry_points = archive.read(metadata.replace("METADATA", "entry_points.txt")).decode()
    assert "[console_scripts]\ngcm = gcm.cli.main:main\n" in entry_points


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """A virtual environment with the wheel, which sees of this one only the other packages."""
    directory = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(directory, with_pip=False)
    python = directory / "bin/python"
    subprocess.run([*PIP, "--python", python, "install", "--no-deps", "--no-index", wheel], check=True)
    (site,) = directory.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(str(Path(torch.__file__).parents[1]) + "\n")  # the .pth files there are not read
    return directory


@pytest.fixture
def installed(environment, tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A program of that environment, in an empty directory."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GCM_COMMAND"))}
    path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"

    def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [environment / "bin" / program, *words],
            cwd=tmp_path, env={**own, "PATH": path, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300,
        )  # fmt: skip

    return run


@pytest.fixture
def gcm(installed) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command `gcm`."""
    return partial(installed, "gcm")


def well(end: subprocess.CompletedProcess[str]) -> str:
    """What a command said that went well."""
    assert (end.returncode, end.stderr) == (0, ""), (end.stdout, end.stderr)
    assert "train.py" not in end.stdout
    return end.stdout


@pytest.mark.slow
def test_the_library_comes_from_the_wheel(installed, environment):
    code = (
        "import sys, gcm, gcm.command, torch; network = gcm.load('gcm_digits'); print(gcm.__file__);"
        "print(network.card.name, tuple(network(torch.rand(1, *network.spec.shape)).shape), gcm.command.command_name());"
        f"print([path for path in sys.path if path == {str(ROOT)!r}])"
    )
    where, found, checkouts = well(installed("python", "-c", code)).splitlines()
    assert Path(where).is_relative_to(environment)
    assert (found, checkouts) == ("gcm_digits (1, 10) gcm", "[]")


@pytest.mark.slow
def test_help_and_mistakes_name_the_command(gcm, installed, tmp_path):
    said = well(gcm("--help"))
    assert "usage: gcm [GROUP=CHOICE] [SETTING=VALUE] ...\n" in said
    assert "\n  gcm -m task=train model=gcm,cnn seed=0,1,2 " in said
    assert said == well(installed("python", "-m", "gcm", "--help"))
    choices = "".join(f"{path.stem}, " for path in sorted((ROOT / "configs/task").glob("*.yaml"))).removesuffix(", ")
    for words, message in {
        "task=trian": f"no 'trian' in task; allowed: {choices}",
        "seeed=1": "unknown setting seeed; did you mean seed? Allowed here: ",
        "model=null": "a group's choice cannot be null; gcm --help shows the choices",
        "task=test": "task=test needs weights=RUN, a run directory or checkpoint; make one with: gcm task=train",
    }.items():
        end = gcm(words)
        assert (end.returncode, end.stdout, end.stderr.count("\n")) == (2, "", 1)
        assert end.stderr.startswith(f"error: {message}"), end.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_main_job_and_what_to_try_next(gcm, tmp_path):
    small = ("model.widths=[2,3,4]", "task.baseline.widths=[2,3,4]", "trainer.max_epochs=1", "visualizer=[gcm,cam]")
    said = well(gcm(*small, "rendering=product", "output=run", PROGRESS))
    rows = list(csv.DictReader((tmp_path / "run/decline_ratio.csv").read_text().splitlines()))
    assert [(row["network"], row["visualizer"], row["n"]) for row in rows] == [
        ("gcm", "gcm", "360"),
        ("cnn", "cam", "360"),
    ]
    assert (tmp_path / "run/gcm_product.png").is_file()
    (command,) = re.findall("next: gcm (.*)", said)
    well(gcm(*shlex.split(command), "output=next", PROGRESS))


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "joblib", "submitit_local"])
def test_a_sweep_of_two_jobs(gcm, tmp_path, launcher):
    if launcher != "basic":
        pytest.importorskip(f"hydra_plugins.hydra_{launcher.partition('_')[0]}_launcher")
    how = "-m" if launcher == "basic" else f"sweep={launcher}"
    well(gcm(how, *LITTLE, "seed=0,1", "hydra.sweep.dir=sweep"))
    rows = list(csv.DictReader((tmp_path / "sweep/runs.csv").read_text().splitlines()))
    assert [row["seed"] for row in rows] == ["0", "1"]
    assert "tiny_lenet" in (tmp_path / "sweep/summary.md").read_text()
    assert [(tmp_path / "sweep" / job / "last.ckpt").is_file() for job in ("0", "1")] == [True, True]


@pytest.mark.slow
def test_processes_of_torchrun_and_our_own(gcm, installed, tmp_path):
    two = (*LITTLE, "trainer.devices=2", "trainer.strategy=ddp", "trainer.accelerator=cpu")
    torchrun = ("-m", "torch.distributed.run", "--nproc_per_node=2", "-m", "gcm")
    for name, run in {"own": gcm, "torchrun": partial(installed, "python", *torchrun)}.items():
        end = run(*two, f"output={name}")
        assert end.returncode == 0, end.stderr
        assert f"next: gcm task=explain weights={name}\n" in end.stdout
        assert json.loads((tmp_path / name / "result.json").read_text())["steps"] == 2
    end = installed("python", *torchrun, "task=explain", "weights=gcm_digits")
    assert "task=explain works in one process; start it with gcm, not with torchrun\n" in end.stderr


@pytest.mark.slow
def test_a_card_is_verified(gcm):
    assert "cnn_digits" in well(gcm("task=verify", "weights=[cnn_digits]", PROGRESS))
