"""Killed or stopped at any moment, and gone on with: as if it had never been."""

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
from forked import Forked

LITTLE = ("data.batch_size=64", "data.val_size=100", "checkpoint.every_n_steps=7")
TRAININGS = {
    "gcm": ("model.widths=[2,3,4]", "trainer.max_epochs=3", *LITTLE),
    "mc_dropout_cnn": ("model=mc_dropout_cnn", "trainer.max_epochs=2", "optimizer=sgd", "data.flip=true", *LITTLE),
    "tiny_lenet": ("model=tiny_lenet", "optimizer=adam", "trainer.max_epochs=null", "trainer.max_steps=50",
                   "data.batch_size=50", "schedule=constant"),
    "mnist": ("data=mnist", f"data.root={Path(os.environ.get('GCM_DATA', '')).resolve()}", "data.val_size=1000",
              "model.widths=[2,3,4]", "trainer.max_epochs=null", "trainer.max_steps=60", "checkpoint.every_n_steps=20"),
}  # fmt: skip


@pytest.fixture(scope="module")
def forked(tmp_path_factory):
    forked = Forked(tmp_path_factory.mktemp("forked"))
    yield forked
    forked.close()


@pytest.fixture(scope="module")
def uninterrupted(forked):
    """By name of the training what comes of it, and the seconds it takes; trained once."""
    known = {}

    def of(name):
        if name not in known:
            began = time.monotonic()
            end = forked.run("task=train", *TRAININGS[name], "output=run")
            assert end.code == 0, end.err
            known[name] = outcome(forked.directory / "run"), time.monotonic() - began
            shutil.rmtree(forked.directory / "run")
        return known[name]

    return of


def outcome(directory):
    """All that must be the same, to the last bit."""
    result = json.loads((directory / "result.json").read_text())
    del result["training_seconds"]
    files = {str(path.relative_to(directory)) for path in directory.rglob("*")}
    whole = {name: (directory / name).read_bytes() for name in ("metrics.csv", "learning_curve.png", "config.yaml")}
    return {
        "result": result,
        "files": files,
        **whole,
        **{path.name: trained(path) for path in directory.glob("*.ckpt")},
    }


def trained(path):
    """What a checkpoint holds but its seconds and the counters of Lightning's loops, in plain values."""
    content = torch.load(path, weights_only=True)
    kept = (
        "state_dict",
        "optimizer_states",
        "lr_schedulers",
        "history",
        "measures",
        "callbacks",
        "global_step",
        "epoch",
    )
    return in_plain_values({name: content[name] for name in kept})


def in_plain_values(value):
    if isinstance(value, torch.Tensor):
        values = value.cpu().contiguous()
        return str(values.dtype), tuple(values.shape), values.reshape(-1).view(torch.uint8).numpy().tobytes()
    if isinstance(value, dict):
        return {name: in_plain_values(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [in_plain_values(part) for part in value]
    return value


def go_on_words(name, directory):
    """Go on where something was begun, else the command again."""
    if (directory / "config.yaml").is_file():
        return ("task=train", "resume=run")
    return ("task=train", *TRAININGS[name], "output=run")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.real_data if name == "mnist" else pytest.mark.slow) for name in TRAININGS],
)
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=["kill", "term", "ctrl-c"])
def test_a_training_stopped_again_and_again(forked, uninterrupted, request, name, by):
    expected, seconds = uninterrupted(name)
    trials = request.config.getoption("--trials") or (1 if name == "mnist" else 2)
    moments, stops, waited = random.Random(f"{name} {by}"), 0, []
    directory = forked.directory / "run"
    try:
        while True:
            after = moments.uniform(0, seconds) if stops < trials else None
            words = go_on_words(name, directory)
            end = forked.run(*words, after=after, by=by)
            waited.append((after, end.code, end.err.strip()))
            if end.code == 0:
                assert outcome(directory) == expected, waited
                if stops >= trials:
                    return
                shutil.rmtree(directory)
                continue
            stops += 1
            if end.code == -by and (by == signal.SIGKILL or end.finished):
                continue
            assert end.code == 128 + by, waited
            (line,) = end.err.splitlines()
            assert line.startswith("stopped"), waited
            if line == "stopped; go on: the same command":
                assert go_on_words(name, directory) == words, waited
            else:
                assert ("resume=run" in line) == (directory / "config.yaml").is_file(), waited
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.slow
def test_a_training_killed_while_it_writes_a_file(forked, uninterrupted, request):
    """At every moment, or `--trials` of them: a file half written, or just in its place."""
    expected, _ = uninterrupted("gcm")
    directory = forked.directory / "run"
    trials, every = request.config.getoption("--trials") or 4, 2 * len(expected["files"])
    moments = sorted(random.Random(0).sample(range(every), trials)) if trials < every else range(10 * every)
    for moment in moments:
        end = forked.run("task=train", *TRAININGS["gcm"], "output=run", at=moment)
        if end.code == 0:  # there are no more
            break
        assert end.code == -signal.SIGKILL, (moment, end.err)
        end = forked.run(*go_on_words("gcm", directory))
        assert end.code == 0, (moment, end.err)
        assert outcome(directory) == expected, moment
        shutil.rmtree(directory)
    shutil.rmtree(directory, ignore_errors=True)


STUDIES = {
    "regions": ("task=regions", "weights=gcm_digits", "task.grid=4", "task.split=test", "task.images_per_class=8"),
    "noise_mask": ("task=noise_mask", "weights=cnn_digits", "indices=[0,1]", "task.steps=30", "task.samples=4"),
    "faithfulness": ("task=faithfulness", "weights=cnn_digits", "visualizer=[cam,saliency]", "metric=[sparseness,stability]"),
    "decline_ratio": ("task=decline_ratio", "weights=[gcm_digits,cnn_digits]", "visualizer=[gcm,cam]", "rendering=[raw,blend]"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_an_evaluation_stopped_again_and_again(forked, request, name, by):
    began = time.monotonic()
    assert forked.run(*STUDIES[name], "output=whole").code == 0
    seconds = time.monotonic() - began
    expected = files(forked.directory / "whole")
    trials = request.config.getoption("--trials") or 1
    moments, waited = random.Random(f"{name} {by}"), []
    directory = forked.directory / "run"
    for stops in range(trials + 1):
        resumable = (directory / "study.json").is_file()
        if not resumable:
            shutil.rmtree(directory, ignore_errors=True)
        words = (f"task={name}", "resume=run") if resumable else (*STUDIES[name], "output=run")
        after = moments.uniform(0, seconds) if stops < trials else None
        end = forked.run(*words, after=after, by=by, saved_every=0.05)
        waited.append((after, end.code, end.err.strip()))
        assert end.code in (0, -by if by == signal.SIGKILL or end.finished else 128 + by), waited
        if end.code == 0:
            assert files(directory) == expected, waited
        elif end.code > 0:
            (line,) = end.err.splitlines()
            assert line.startswith("stopped"), waited
    assert end.code == 0, waited
    for made in ("whole", "run"):
        shutil.rmtree(forked.directory / made)


def files(directory):
    """Tables and figures by name; arrays (which remember no time) as they are."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and path.suffix != ".npz"
    }
