"""A disk that is full or read-only, and directories that go away: one line, and what was there before stands."""

import errno
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from gcm.atomic_write import delete, make_directory, write_bytes, write_csv, write_json, write_text, write_whole
from gcm.cli.command_line import one_line_errors
from gcm.cli.resume.study import write_arrays
from gcm.draw.base import new_figure, save
from gcm.error import InputError
from gcm.task.regions import npy
from gcm.training.history import History
from gcm.zoo import read_saved
from gcm.zoo.exported import write_onnx, write_torch
from gcm.zoo.weights_file import write_weights

PAGE = 4096
FULL = r"No space left on device, 0\.0 MB of 1\.0 MB are left; make room there, or write elsewhere"


@pytest.fixture
def disk(tmp_path):
    """A disk of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk: Path, room: int = 0) -> None:
    """So that as many bytes, in whole pages, are left."""
    (disk / "filling").unlink(missing_ok=True)
    (disk / "filling").write_bytes(bytes(shutil.disk_usage(disk).free - room))


def below(directory: Path) -> dict[str, bytes]:
    paths = (path for path in directory.rglob("*") if path.is_file() and path.name != "filling")
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


def no_room(partial: Path) -> None:
    partial.write_text("half")
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_cannot_be_written_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "table.csv"
    write_text(path, "earlier")
    with pytest.raises(
        InputError, match=r"table.csv cannot be written: No space left on device, .* MB of .* MB are left"
    ):
        write_whole(path, no_room)
    assert below(tmp_path) == {"table.csv": b"earlier"}


def test_a_mistake_of_ours_keeps_its_kind_and_leaves_nothing(tmp_path):
    def wrong(partial: Path) -> None:
        partial.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_whole(tmp_path / "table.csv", wrong)
    assert below(tmp_path) == {}


def test_a_temporary_file_that_stays_is_named(tmp_path, monkeypatch):
    def read_only(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", read_only)
    with pytest.raises(
        InputError, match=r"table.csv cannot be written: No space left .*; delete .*/\.table\.\d+\.partial\.csv$"
    ):
        write_whole(tmp_path / "table.csv", no_room)


def test_a_directory_that_was_deleted_is_not_made_anew(tmp_path):
    with pytest.raises(InputError, match=r"gone/a.txt cannot be written: .*/gone is no directory \(any more\)$"):
        write_text(tmp_path / "gone/a.txt", "text")
    with pytest.raises(InputError, match=r"gone/values cannot be made: .*/gone is no directory \(any more\)$"):
        make_directory(tmp_path / "gone/values")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file_cannot_be_deleted(tmp_path):
    delete(tmp_path / "not there")
    with pytest.raises(InputError, match="cannot be deleted: Is a directory"):
        delete(tmp_path)


def picture() -> Figure:
    figure = new_figure(3, 2)
    figure.gca().plot(np.random.default_rng(0).random(50))
    return figure


def animation(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    first, *others = map(Image.fromarray, noise)
    write_whole(path, lambda partial: first.save(partial, save_all=True, append_images=others))


VALUES = torch.arange(500, dtype=torch.float64)
WRITERS = {
    "text": lambda path: write_text(path, "äöü" * 3000),
    "json": lambda path: write_json(path, {"values": VALUES.tolist()}),
    "csv": lambda path: write_csv(path, [{"value": value} for value in VALUES.tolist()]),
    "npy": lambda path: write_bytes(path, npy(VALUES)),
    "npz": lambda path: write_arrays(path, {"values": VALUES.numpy(), "more": VALUES.numpy() ** 2}, torch.zeros(1)),
    "png": lambda path: save(picture(), path),
    "gif": animation,
    "safetensors": lambda path: write_weights(path, read_saved("tiny_lenet_mnist").weights, read_saved("tiny_lenet_mnist").card),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRITERS)
def test_with_any_room_a_file_is_whole_or_as_before(disk, tmp_path, kind):
    WRITERS[kind](tmp_path / f"whole.{kind}")
    path = disk / f"file.{kind}"
    path.write_text("earlier")
    size = (tmp_path / f"whole.{kind}").stat().st_size
    failed = 0
    for room in range(0, size + 2 * PAGE, PAGE):
        fill(disk, room)
        try:
            WRITERS[kind](path)
        except InputError as error:
            assert "No space left on device" in str(error)  # noqa: PT017
            assert below(disk) == {path.name: b"earlier"}
            failed += 1
    assert failed == -(-size // PAGE)
    assert path.stat().st_size == size
    if kind != "safetensors":  # whose metadata come in any order
        assert path.read_bytes() == (tmp_path / f"whole.{kind}").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("write", [write_onnx, write_torch])
def test_exports_find_no_room(disk, write):
    saved = read_saved("tiny_lenet_mnist")
    fill(disk, PAGE)
    with pytest.raises(InputError, match="No space left on device"):
        write(saved.network(), saved.card, disk / "network")
    assert below(disk) == {}


RUN = "weights=gcm_digits"
TASKS = {
    "train": ("task=train", "model=tiny_lenet", "trainer.max_epochs=1"),
    "all": ("model.widths=[2,3,4]", "task.baseline.widths=[2,3,4]", "trainer.max_epochs=1", "visualizer=[gcm,cam]", "rendering=raw"),
    "test": ("task=test", RUN),
    "explain": ("task=explain", RUN, "visualizer=gcm", "rendering=raw", "count=1"),
    "decline_ratio": ("task=decline_ratio", RUN, "visualizer=gcm", "rendering=raw", "task.images=20"),
    "faithfulness": ("task=faithfulness", RUN, "visualizer=gcm", "metric=sparseness", "metric.sparseness.images=4"),
    "regions": ("task=regions", RUN, "label=3", "task.grid=2", "task.images_per_class=5"),
    "noise_mask": ("task=noise_mask", "weights=cnn_digits", "count=1", "task.copies=2", "task.steps=2"),
    "filter_images": ("task=filter_images", RUN, "task.layer=encoder.0", "task.images_per_class=9"),
    "grad_cam": ("task=grad_cam", "weights=cnn_digits", "label=7", "count=1"),
    "filters": ("task=filters", "weights=trained", "indices=[0]", "task.images_per_class=2"),
    "why": ("task=why", "weights=trained", "indices=[0]"),
    "export": ("task=export", RUN, "task.formats=[torch]", "task.images=2"),
    "verify": ("task=verify", RUN),
    "report": ("task=report", RUN, "visualizer=gcm", "rendering=raw"),
}  # fmt: skip
FEW = ("train", "explain", "regions", "faithfulness", "report")


def refused(end, message: str) -> None:
    assert re.fullmatch(rf"error: .*{message}\n", end.err), (end.code, end.err, end.out)
    assert end.code == 2


@pytest.fixture
def precious(disk) -> dict[str, bytes]:
    """An earlier result on the disk."""
    (disk / "earlier").mkdir()
    write_json(disk / "earlier/result.json", {"test_accuracy": 0.99})
    return below(disk)


def test_a_directory_that_is_refused_stays_as_it_is(train_py, tmp_path):
    (tmp_path / "mine/empty").mkdir(parents=True)
    assert "holds something already" in train_py(*TASKS["train"], "output=mine").error
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["empty"]


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_task_on_a_full_disk(train_py, disk, precious, task, request):
    if task not in FEW and not request.config.getoption("trials"):
        pytest.skip("all tasks with --trials")
    if "weights=trained" in TASKS[task]:
        assert train_py(*TASKS["train"], "output=trained").code == 0
    fill(disk)
    refused(train_py(*TASKS[task], f"output={disk}/new"), FULL)
    assert below(disk) == precious
    assert not (disk / "new").exists()


@pytest.mark.slow
def test_a_task_on_a_read_only_disk(train_py, disk, precious, monkeypatch):
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    refused(train_py(*TASKS["train"], f"output={disk}/new"), "disk/new cannot be made: Read-only file system")
    refused(train_py(*TASKS["regions"], f"output={disk}"), "disk cannot be written to: Read-only file system")
    refused(
        train_py("-m", *TASKS["train"], f"hydra.sweep.dir={disk}/s"), "disk/s cannot be made: Read-only file system"
    )
    mnist = train_py(*TASKS["train"], "data=mnist", f"data.root={disk}/data")
    refused(
        mnist,
        r"mnist is not complete in .*disk/data and cannot be downloaded \(.*Read-only file system.*\); expected .*",
    )
    monkeypatch.chdir(disk)
    refused(
        train_py(*TASKS["train"]),
        r"runs/\S+_train_tiny_lenet_digits cannot be made: Read-only file system; set output=",
    )
    assert below(disk) == precious


@pytest.mark.slow
def test_a_training_that_fills_the_disk(train_py, disk, monkeypatch):
    """It keeps the checkpoint of the epoch before, and goes on from there when there is room."""
    words = ("task=train", "model=tiny_lenet", "trainer.max_epochs=3")
    assert train_py(*words, "output=whole").code == 0
    add = History.add

    def filling(history: History, row: dict[str, float]) -> None:
        add(history, row)
        if row["epoch"] == 2:
            fill(disk)

    with monkeypatch.context() as patch:
        patch.setattr(History, "add", filling)
        refused(
            train_py(*words, f"output={disk}/run"),
            r"(last.ckpt|metrics.csv) cannot be written: No space left on device, .*",
        )
    assert {path.name for path in (disk / "run").iterdir()} == {"config.yaml", "last.ckpt", "metrics.csv"}
    assert read_saved(disk / "run").card.epochs in (1, 2)
    fill(disk)
    refused(train_py("task=train", f"resume={disk}/run"), r"config.yaml cannot be written: No space left on device, .*")
    (disk / "filling").unlink()
    assert train_py("task=train", f"resume={disk}/run").code == 0
    assert read_saved(disk / "run").card.weights_sha256 == read_saved("whole").card.weights_sha256


@pytest.mark.slow
def test_a_study_that_fills_the_disk_goes_on_when_there_is_room(train_py, disk):
    words = ("task=regions", RUN, "task.grid=2", "task.images_per_class=5")
    fill(disk, 8 * PAGE)
    refused(train_py(*words, f"output={disk}/run"), r"deletion_\d.npz cannot be written: No space left on device, .*")
    done = below(disk / "run")
    assert done.keys() > {"study.json", "deletion_0.npz"}
    (disk / "filling").unlink()
    assert train_py("task=regions", f"resume={disk}/run").code == 0
    assert below(disk / "run").items() >= done.items()
    assert below(disk / "run").keys() > done.keys() | {"importance.csv", "deletion.csv", "important_regions.png"}


@pytest.mark.slow
def test_publishing_into_a_full_directory(train_py, disk):
    assert train_py(*TASKS["train"], "output=run").code == 0
    words = ("task=publish", "weights=run", f"task.directory={disk}")
    assert train_py(*words).code == 0
    before = below(disk)
    fill(disk)
    refused(train_py(*words), FULL)
    assert below(disk) == before


@pytest.mark.slow
def test_a_download_that_fills_the_disk(train_py, disk, monkeypatch):
    def much(url: str, filename: str, *_: object) -> None:
        Path(filename).write_bytes(bytes(2_000_000))

    monkeypatch.setattr("torchvision.datasets.utils._get_redirect_url", lambda url, **_: url)
    monkeypatch.setattr("torchvision.datasets.utils._urlretrieve", much)
    end = train_py(*TASKS["train"], "data=mnist", f"data.root={disk}/data")
    refused(
        end, r"mnist is not complete in .* \(No space left on device, \d\.\d MB of 1\.0 MB are left; make room.*\); .*"
    )
    assert list(disk.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("task", ["train", "regions", "noise_mask", "faithfulness"])
def test_a_directory_that_is_deleted_stops_its_task(train_py, tmp_path, monkeypatch, task):
    replace = Path.replace
    written = []

    def replace_then_delete(partial: Path, path: Path) -> Path:
        written.append(path.name)
        result = replace(partial, path)
        if path.name in ("config.yaml", "study.json"):
            shutil.rmtree(tmp_path / "run")
        return result

    monkeypatch.setattr(Path, "replace", replace_then_delete)
    refused(train_py(*TASKS[task], "output=run"), r"run is no directory \(any more\)")
    assert len(written) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/tmp/x"), "error: /tmp/x cannot be written: No space left on device\n"),
        (OSError(errno.EROFS, "Read-only file system"), "error: a file cannot be written: Read-only file system\n"),
    ],
)  # fmt: skip
def test_who_else_finds_the_disk_full_says_so_in_one_line(error, message, capsys):
    with pytest.raises(SystemExit, match="2"), one_line_errors():
        raise error
    assert capsys.readouterr().err == message


def test_another_system_error_is_ours_to_mend():
    with pytest.raises(FileNotFoundError), one_line_errors():
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "template.html")


@pytest.mark.slow
def test_a_sweep_that_fills_the_disk(train_py, disk, monkeypatch):
    words = (
        "-m",
        "task=train",
        "model=tiny_lenet",
        "trainer.max_epochs=1",
        "seed=0,1",
        f"hydra.sweep.dir={disk}/sweep",
    )
    fill(disk)
    refused(train_py(*words), "a file cannot be written: No space left on device")
    (disk / "filling").unlink()
    jobs, add = [], History.add

    def filling(history: History, row: dict[str, float]) -> None:
        jobs.append(history)
        if len(jobs) == 2:
            fill(disk)
        add(history, row)

    with monkeypatch.context() as patch:
        patch.setattr(History, "add", filling)
        end = train_py(*words)
    assert end.code == 2
    assert re.search(r"^error in job 1: .*No space left on device, 0\.0 MB of 1\.0 MB are left", end.err, re.MULTILINE)
    assert "Traceback" not in end.err
    (disk / "filling").unlink()
    assert train_py(*words).code == 0
    before = below(disk)
    fill(disk)
    end = train_py(*words)
    assert end.code == 2
    assert "Traceback" not in end.err
    assert below(disk) == before
