"""Several commands at the same moment: each as if alone, or one line that says why not."""

import csv
import errno
import fcntl
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from simultaneous import simultaneously

from gcm.cli.run_directory import claimed
from gcm.error import InputError
from gcm.lock import locked
from gcm.zoo import read_saved

TRAIN = ("task=train", "model=tiny_lenet", "+trainer.limit_train_batches=2", "trainer.max_epochs=1")
HOLDER = r"(?:process \d+ on \S+|another process)"  # who has just taken the lock has not yet written its name
IN_USE = rf"error: {{directory}} is in use by {HOLDER}; wait for its end, or name another directory\n"


@pytest.fixture
def jobs(request) -> int:
    """How many commands start at once; `--trials` says otherwise."""
    return request.config.getoption("trials") or 3


def weights_hash(run: Path) -> str:
    return read_saved(run).card.weights_sha256


HOLD = """
import sys
from pathlib import Path
from gcm.cli.run_directory import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other_process(tmp_path):
    """A process that holds the directory `taken`, until its input ends."""
    (tmp_path / "taken").mkdir()
    command = [sys.executable, "-c", HOLD, str(tmp_path / "taken")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process


def test_a_directory_in_use_is_refused_and_named(other_process, tmp_path):
    with pytest.raises(InputError, match=rf"taken is in use by process {other_process.pid} on {os.uname().nodename};"):
        claimed(tmp_path / "taken").__enter__()
    other_process.communicate()
    with claimed(tmp_path / "taken"):
        assert (tmp_path / "taken/.lock").read_text() == f" process {os.getpid()} on {os.uname().nodename}"
    assert list((tmp_path / "taken").iterdir()) == []


def test_what_a_killed_process_held_is_free(other_process, tmp_path):
    other_process.kill()
    other_process.wait()
    assert (tmp_path / "taken/.lock").is_file()
    with claimed(tmp_path / "taken"):
        pass
    assert list((tmp_path / "taken").iterdir()) == []


@pytest.mark.parametrize("words", [("output=taken",), ("resume=taken",)])
def test_no_command_writes_where_another_one_does(other_process, train_py, tmp_path, words):
    error = train_py(*TRAIN[:1], *words).error
    assert re.fullmatch(IN_USE.format(directory="taken"), f"error: {error}\n")
    assert [path.name for path in (tmp_path / "taken").iterdir()] == [".lock"]


def test_a_lock_is_not_lost_where_its_file_is_deleted_and_made_again(tmp_path):
    """As where a directory is deleted while it is in use, and another command takes the same name."""
    path = tmp_path / "run/.lock"
    with locked(path, when_taken=pytest.fail):
        path.unlink()
        with locked(path, when_taken=pytest.fail):
            held = path.stat()
        assert held.st_nlink == 1
        path.write_text("of another process")
    assert path.read_text() == "of another process"


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch, notices):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with locked(tmp_path / ".lock", when_taken=pytest.fail):
        pass
    (line,) = notices
    assert line.startswith("this file system has no locks: see to it that no other process writes")


COUNT = """
import multiprocessing, sys
from pathlib import Path
from gcm.lock import locked

def count(total):
    for _ in range(100):
        with locked(total.with_name(".lock"), when_taken=lambda holder: None):
            total.write_text(str(int(total.read_text()) + 1))

context = multiprocessing.get_context("fork")
processes = [context.Process(target=count, args=(Path(sys.argv[1]),)) for _ in range(8)]
for process in processes:
    process.start()
for process in processes:
    process.join()
"""


def test_of_many_processes_one_at_a_time_has_the_lock(tmp_path):
    """Eight add one to the number in a file, a hundred times each; none is lost, though the lock file comes and goes."""
    (tmp_path / "total").write_text("0")
    subprocess.run([sys.executable, "-c", COUNT, str(tmp_path / "total")], check=True, timeout=60)
    assert (tmp_path / "total").read_text() == "800"
    assert [path.name for path in tmp_path.iterdir()] == ["total"]


@pytest.mark.slow
def test_of_many_commands_with_one_output_one_wins_and_those_without_get_one_each(tmp_path, jobs, train_py):
    ends = simultaneously([(*TRAIN, "output=same"), TRAIN] * jobs, tmp_path)
    same, without = ends[::2], ends[1::2]
    assert sorted(end.code for end in same) == [0] + [2] * (jobs - 1), ends
    for end in same:
        if end.code:
            taken = r"error: output=same holds something already; name a new directory, or go on with resume=same\n"
            assert re.fullmatch(f"{IN_USE.format(directory='same')}|{taken}", end.err)
    assert [end.code for end in without] == [0] * jobs, ends
    runs = [tmp_path / "same", *(tmp_path / "runs").iterdir()]
    assert len(runs) == jobs + 1
    assert train_py(*TRAIN, "output=alone").code == 0
    assert {weights_hash(run) for run in runs} == {weights_hash(tmp_path / "alone")}
    names = {path.name for path in (tmp_path / "alone").iterdir()}
    assert all({path.name for path in run.iterdir()} == names for run in runs)


@pytest.mark.slow
def test_a_training_is_resumed_once(tmp_path, jobs, train_py):
    short = ("task=train", "model=tiny_lenet", "schedule=constant", "trainer.max_epochs=1")
    assert train_py(*short, "output=whole", "trainer.max_epochs=2").code == 0
    assert train_py(*short, "output=run").code == 0
    ends = simultaneously([("task=train", "resume=run", "trainer.max_epochs=2")] * jobs, tmp_path)
    assert sorted(end.code for end in ends) == [0] + [2] * (jobs - 1), ends
    for end in ends:
        if end.code:
            finished = "error: run has finished: 2 epochs, 44 steps; nothing is left to resume\n"
            assert re.fullmatch(f"{IN_USE.format(directory='run')}|{finished}", end.err)
    assert weights_hash(tmp_path / "run") == weights_hash(tmp_path / "whole")
    assert (tmp_path / "run/metrics.csv").read_bytes() == (tmp_path / "whole/metrics.csv").read_bytes()


@pytest.mark.slow
def test_a_study_is_resumed_by_one_at_a_time(tmp_path, jobs, train_py):
    words = ("task=regions", "weights=gcm_digits", "label=3", "task.grid=2", "task.images_per_class=20")
    assert train_py(*words, "output=study").code == 0
    expected = {path.name: path.read_bytes() for path in (tmp_path / "study").iterdir()}
    (tmp_path / "study/deletion_3.npz").unlink()
    ends = simultaneously([("task=regions", "resume=study")] * jobs, tmp_path)
    assert all(end.code == 0 or re.fullmatch(IN_USE.format(directory="study"), end.err) for end in ends), ends
    assert any(end.code == 0 for end in ends)
    found = {path.name: path.read_bytes() for path in (tmp_path / "study").iterdir()}
    assert {name for name in expected if not name.endswith(".npz")} <= found.keys() == expected.keys()
    for name in ("importance.csv", "deletion.csv", "study.json"):
        assert found[name] == expected[name]


@pytest.mark.slow
def test_a_sweeps_directory_is_one_sweeps(tmp_path, jobs, train_py):
    words = ("-m", *TRAIN, "seed=0,1", "hydra.sweep.dir=sweep")
    ends = simultaneously([words] * jobs, tmp_path)
    winners = [end for end in ends if end.code == 0]
    assert winners, ends
    for end in ends:
        if end.code:
            assert re.fullmatch(IN_USE.format(directory="sweep"), end.err)
    with (tmp_path / "sweep/runs.csv").open() as lines:
        losses = [row["test_loss"] for row in csv.DictReader(lines)]
    for seed, loss in enumerate(losses):
        assert train_py(*TRAIN, f"seed={seed}", f"output=alone{seed}").code == 0
        assert json.loads((tmp_path / f"alone{seed}/result.json").read_text())["test_loss"] == float(loss)
    assert len(losses) == 2
    assert not (tmp_path / "sweep/.lock").exists()
