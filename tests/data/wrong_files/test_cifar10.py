"""CIFAR-10 with files that are damaged, cut off, exchanged or forged: one line each, and no pickle is ever run."""

import hashlib
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from published import CHANGES, COUNT, Malicious, refusal
from torchvision import datasets

from gcm.data import CIFAR10


def test_the_canary_sings(canary):
    """The tests below would notice."""
    pickle.loads(pickle.dumps(Malicious(canary)))
    assert canary.exists()


CIFAR_FILES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"]


def write_cifar(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CIFAR-10's files, small, as if they had always been so: torchvision is told their checksums."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name in CIFAR_FILES:
        pixels = np.random.default_rng(0).integers(0, 256, (4 if "data" in name else COUNT, 3072), dtype=np.uint8)
        batch = {"data": pixels, "labels": [number % 10 for number in range(len(pixels))]}
        meta = {"label_names": list(map(str, range(10)))}
        (folder / name).write_bytes(pickle.dumps(meta if name == "batches.meta" else batch))
    sums = {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in CIFAR_FILES}
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [[name, sums[name]] for name in CIFAR_FILES[:5]])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(datasets.CIFAR10, "meta", {**datasets.CIFAR10.meta, "md5": sums["batches.meta"]})
    return folder


def test_right_cifar_files(tmp_path, monkeypatch):
    write_cifar(tmp_path, monkeypatch)
    data = CIFAR10(root=str(tmp_path))
    assert (len(data.train), len(data.test)) == (COUNT, COUNT)
    pixels = np.random.default_rng(0).integers(0, 256, (COUNT, 3, 32, 32), dtype=np.uint8)
    assert data.test.images.numpy().tolist() == pixels.tolist()


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("file", CIFAR_FILES)
def test_no_strangers_pickle_is_run(tmp_path, monkeypatch, canary, file, train):
    folder = write_cifar(tmp_path, monkeypatch)
    (folder / file).write_bytes(pickle.dumps(Malicious(canary)))
    assert "cifar10 is not complete in" in refusal(CIFAR10, tmp_path, train)
    assert not canary.exists()


@pytest.mark.parametrize("train", [True, False])
def test_no_strangers_pickle_is_run_beside_the_published_checksums(tmp_path, canary, train):
    """torchvision's own list of checksums, untouched."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in CIFAR_FILES:
        (folder / name).write_bytes(pickle.dumps(Malicious(canary)))
    assert "cifar10 is not complete in" in refusal(CIFAR10, tmp_path, train)
    assert not canary.exists()


def test_no_strangers_archive_is_unpacked(tmp_path, canary):
    data = pickle.dumps(Malicious(canary))
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        for name in (*(f"cifar-10-batches-py/{name}" for name in CIFAR_FILES), "../outside"):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    assert "cannot be downloaded" in refusal(CIFAR10, tmp_path)
    assert not canary.exists()
    assert not (tmp_path / "cifar-10-batches-py").exists()
    assert not (tmp_path.parent / "outside").exists()


@pytest.mark.parametrize("file", ["data_batch_1", "test_batch", "batches.meta"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_cifar_files(tmp_path, monkeypatch, file, change):
    path = write_cifar(tmp_path, monkeypatch) / file
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    assert "cifar10 is not complete in" in refusal(CIFAR10, tmp_path, train=True)
