"""Two processes on one CPU."""

import csv
import json
import signal
import subprocess
import sys
import time

import pytest
import torch
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


TRAINING = ["task=train", "model=tiny_lenet", "data.val_size=100", "trainer.accelerator=cpu", "trainer.devices=2",
            "trainer.strategy=ddp", "trainer.enable_progress_bar=false"]  # fmt: skip


def by_torchrun(*words):
    return [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", str(ROOT / "train.py"), *words]


@pytest.mark.slow
def test_torchrun_trains_what_our_own_processes_train(tmp_path):
    words = [*TRAINING, "trainer.max_epochs=2"]
    for name, command in (("own", [sys.executable, str(ROOT / "train.py"), *words]), ("torchrun", by_torchrun(*words))):
        subprocess.run([*command, f"output={name}"], check=True, cwd=tmp_path, timeout=300)
    own, other = tmp_path / "own", tmp_path / "torchrun"
    files = {path.name for path in other.iterdir()}
    assert files == {path.name for path in own.iterdir()}
    assert files == {"best.ckpt", "config.yaml", "last.ckpt", "learning_curve.png", "metrics.csv", "result.json"}
    for name in ("metrics.csv", "learning_curve.png"):
        assert (own / name).read_bytes() == (other / name).read_bytes()
    results = [json.loads((run / "result.json").read_text()) for run in (own, other)]
    for result in results:
        del result["training_seconds"], result["overrides"]
    assert results[0] == results[1]
    for name in ("best.ckpt", "last.ckpt"):
        weights = [torch.load(run / name, weights_only=True)["state_dict"] for run in (own, other)]
        assert all(torch.equal(tensor, weights[1][key]) for key, tensor in weights[0].items())


@pytest.mark.slow
def test_torchrun_evaluates_as_one_process(tmp_path):
    """As many devices as processes, where nothing else is said."""
    words = [
        "visualizer=[gcm,random]",
        "rendering=raw",
        "data.batch_size=50",
        "task.images=157",
        "trainer.accelerator=cpu",
    ]
    words = ["task=decline_ratio", "weights=gcm_digits", *words]
    one = [sys.executable, str(ROOT / "train.py"), *words, "output=one"]
    for command in (one, by_torchrun(*words, "output=two")):
        subprocess.run(command, check=True, cwd=tmp_path, timeout=300)
    for name in ("decline_ratio.csv", "decline_ratio.md"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.slow
def test_torchrun_stops_at_a_signal_and_goes_on(tmp_path):
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        words = by_torchrun(*TRAINING, "trainer.max_epochs=null", "trainer.max_steps=3000", "output=run")
        process = subprocess.Popen(words, cwd=tmp_path, stdout=out, stderr=err)
        wait_for(lambda: (tmp_path / "run/last.ckpt").is_file())
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=25)  # torchrun itself kills after 30 seconds
    said = (tmp_path / "err").read_text()
    (line,) = [line for line in said.splitlines() if line.startswith("stopped at step ")]
    assert line.endswith("; go on: python train.py task=train resume=run")
    step = torch.load(tmp_path / "run/last.ckpt", weights_only=True)["global_step"]
    assert line.startswith(f"stopped at step {step};")
    again = [
        *by_torchrun("task=train", "resume=run", "trainer.enable_progress_bar=false", "+trainer.max_time=00:00:00:01")
    ]
    end = subprocess.run(again, check=True, cwd=tmp_path, timeout=300, capture_output=True, text=True)
    assert end.stdout.count("time is up at step ") == 1
    assert torch.load(tmp_path / "run/last.ckpt", weights_only=True)["global_step"] > step


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model=gmc"], "no 'gmc' in model; allowed"),
        (["task=explain", "weights=gcm_digits"], "task=explain works in one process; start it with python train.py"),
        (["-m", "task=train", "seed=0,1"], "a sweep works in one process"),
        (["task=train", "trainer.devices=3"], "torchrun started 2 processes on each of 1 machines; got trainer.devices=3"),
    ],
)  # fmt: skip
def test_of_torchruns_processes_one_says_what_is_wrong(tmp_path, words, message):
    command = by_torchrun(*words, "trainer.accelerator=cpu")
    end = subprocess.run(command, cwd=tmp_path, timeout=300, capture_output=True, text=True)
    (line,) = [line for line in end.stderr.splitlines() if line.startswith("error: ")]
    assert message in line
    assert 'train.py", line' not in end.stderr
    assert list(tmp_path.iterdir()) == []


def wait_for(there, seconds=120):
    until = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.slow
def test_an_evaluation_that_is_stopped_leaves_no_process(tmp_path):
    words = [
        "task=decline_ratio",
        "weights=gcm_digits",
        "visualizer=[occlusion]",
        "trainer.accelerator=cpu",
        "trainer.devices=2",
    ]
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        command = [sys.executable, str(ROOT / "train.py"), *words, "output=run"]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=err, start_new_session=True)
        wait_for(lambda: "1 visualizers" in (tmp_path / "out").read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 143
    wait_for(lambda: not alive(process.pid), seconds=20)
    assert (tmp_path / "err").read_text() == "stopped; nothing to go on from\n"


def alive(group):
    """Whether a process of the group still works."""
    listed = subprocess.run(["ps", "-o", "stat=", "-g", str(group)], capture_output=True, text=True).stdout.split()
    return any(not state.startswith("Z") for state in listed)
