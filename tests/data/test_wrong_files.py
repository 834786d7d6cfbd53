"""Files of the published data sets that are damaged, cut off, exchanged or forged: one line each, and nothing is run."""

import gzip
import hashlib
import io
import os
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat
from torchvision import datasets

from gcm.data import CIFAR10, MNIST, SVHN, EMNISTLetters, FashionMNIST, MemorySplit
from gcm.data.torchvision_data import TorchvisionData, content_hash
from gcm.error import InputError

COUNT = 20
"""Images in each split of the small data sets that these tests take for the published ones."""


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refused(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("torchvision.datasets.utils.urllib.request.urlopen", refused)


@pytest.fixture(autouse=True)
def few_are_published(monkeypatch):
    for kind in (MNIST, FashionMNIST, EMNISTLetters, CIFAR10, SVHN):
        monkeypatch.setattr(kind, "counts", (COUNT, COUNT))
        monkeypatch.setattr(kind, "sha256", ("", ""))


def refusal(kind: type[TorchvisionData], root: Path, train: bool = False) -> str:
    """The one line."""
    with pytest.raises(InputError) as caught:
        kind(root=str(root)).read(train)
    line = str(caught.value)
    assert line.isprintable()
    for part in (kind.name, str(root), kind.files, kind.source):
        assert part in line
    return line


# MNIST's format: MNIST, Fashion-MNIST, EMNIST

STEMS = {
    MNIST: "MNIST/raw/t10k",
    FashionMNIST: "FashionMNIST/raw/t10k",
    EMNISTLetters: "EMNIST/raw/emnist-letters-test",
}


def idx(values: np.ndarray, kind: int = 8, shape: tuple[int, ...] | None = None) -> bytes:
    """`kind` and `shape` are what the header says."""
    shape = values.shape if shape is None else shape
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, kind, len(shape), *shape) + values.tobytes()


def images(count: int = COUNT, height: int = 28, width: int = 28) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, height, width), dtype=np.uint8)


def labels(count: int = COUNT) -> np.ndarray:
    return (np.arange(count) % 9 + 1).astype(np.uint8)  # EMNIST counts letters from 1


def write(kind: type[TorchvisionData], root: Path, of_images: bytes | None, of_labels: bytes | None) -> None:
    """The test split, and of MNIST and Fashion-MNIST a training split, without which torchvision finds nothing."""
    stem = root / STEMS[kind]
    stem.parent.mkdir(parents=True, exist_ok=True)
    for name, data in (("images-idx3-ubyte", of_images), ("labels-idx1-ubyte", of_labels)):
        if data is not None:
            stem.with_name(f"{stem.name}-{name}").write_bytes(data)
            stem.with_name(f"train-{name}").write_bytes(data)


WRONG_IDX = {
    # what is wrong: (file of images, file of labels, what the line says)
    "no files": (None, None, "is not complete in"),
    "no labels": (idx(images()), None, "is not complete in"),
    "no images": (None, idx(labels()), "is not complete in"),
    "images empty": (b"", idx(labels()), "is not complete in"),
    "labels empty": (idx(images()), b"", "is not complete in"),
    "both empty": (b"", b"", "is not complete in"),
    "images only zeros": (bytes(100), idx(labels()), "is not complete in"),
    "labels only zeros": (idx(images()), bytes(28), "is not complete in"),
    "a page instead of images": (b"<!DOCTYPE html><html>404</html>", idx(labels()), "is not complete in"),
    "a page instead of labels": (idx(images()), b"<!DOCTYPE html><html>404</html>", "is not complete in"),
    "images cut off in the magic number": (idx(images())[:3], idx(labels()), "is not complete in"),
    "images cut off in the header": (idx(images())[:9], idx(labels()), "is not complete in"),
    "images cut off after the header": (idx(images())[:16], idx(labels()), "is not complete in"),
    "images cut off in an image": (idx(images())[:-100], idx(labels()), "is not complete in"),
    "images cut off between images": (idx(images())[:-784], idx(labels()), "is not complete in"),
    "images cut off by a byte": (idx(images())[:-1], idx(labels()), "is not complete in"),
    "images a byte too long": (idx(images()) + b"\0", idx(labels()), "is not complete in"),
    "labels cut off in the header": (idx(images()), idx(labels())[:6], "is not complete in"),
    "labels cut off after the header": (idx(images()), idx(labels())[:8], "is not complete in"),
    "labels cut off": (idx(images()), idx(labels())[:-1], "is not complete in"),
    "labels a byte too long": (idx(images()), idx(labels()) + b"\1", "is not complete in"),
    "files exchanged": (idx(labels()), idx(images()), "is not complete in"),
    "images twice": (idx(images()), idx(images()), "is not complete in"),
    "labels twice": (idx(labels()), idx(labels()), "is not complete in"),
    "no axis": (idx(images(), shape=()), idx(labels()), "is not complete in"),
    "two axes": (idx(images().reshape(COUNT, -1)), idx(labels()), "is not complete in"),
    "four axes": (idx(images()[:, None]), idx(labels()), "is not complete in"),
    "type unknown": (idx(images(), kind=7), idx(labels()), "is not complete in"),
    "type not in use": (idx(images(), kind=10), idx(labels()), "is not complete in"),
    "signed bytes": (idx(images(), kind=9), idx(labels()), "is not complete in"),
    "16 bits": (idx(images().astype(">i2"), kind=11), idx(labels()), "is not complete in"),
    "32 bits": (idx(images()), idx(labels().astype(">i4"), kind=12), "is not complete in"),
    "floats": (idx(images().astype(">f4"), kind=13), idx(labels()), "is not complete in"),
    "doubles": (idx(images().astype(">f8"), kind=14), idx(labels()), "is not complete in"),
    "little end first": (b"\3\10\0\0" + idx(images())[4:], idx(labels()), "is not complete in"),
    "header says more images": (idx(images(), shape=(60_000, 28, 28)), idx(labels()), "is not complete in"),
    "header says fewer images": (idx(images(), shape=(10, 28, 28)), idx(labels()), "is not complete in"),
    "header says as many images as can be": (idx(images(), shape=(2**32 - 1,) * 3), idx(labels()), "is not complete in"),
    "header says more labels": (idx(images()), idx(labels(), shape=(60_000,)), "is not complete in"),
    "header says other sides": (idx(images(), shape=(COUNT, 14, 56)), idx(labels()), "published are 20 test images (1, 28, 28), got 20 (1, "),
    "header says wide images": (idx(images(), shape=(COUNT, 1, 784)), idx(labels()), "published are 20 test images (1, 28, 28), got 20 (1, "),
    "header says one image": (idx(images(), shape=(1, COUNT * 28, 28)), idx(labels()), "each image must have a label, got 1 images and 20 labels"),
    "no image": (idx(images(0)), idx(labels(0)), "is not complete in"),
    "one image": (idx(images(1)), idx(labels(1)), "published are 20 test images (1, 28, 28), got 1"),
    "one less of both": (idx(images(19)), idx(labels(19)), "published are 20 test images (1, 28, 28), got 19"),
    "one more of both": (idx(images(21)), idx(labels(21)), "published are 20 test images (1, 28, 28), got 21"),
    "other size": (idx(images(COUNT, 32, 32)), idx(labels()), "published are 20 test images (1, 28, 28), got 20 (1, 32, 32)"),
    "more images than labels": (idx(images()), idx(labels(10)), "each image must have a label, got 20 images and 10 labels"),
    "fewer images than labels": (idx(images(10)), idx(labels()), "each image must have a label, got 10 images and 20 labels"),
    "label beyond the classes": (idx(images()), idx(labels() * 100 + 55), "labels must be classes 0 to"),
    "compressed images": (gzip.compress(idx(images())), idx(labels()), "is not complete in"),
    "compressed labels": (idx(images()), gzip.compress(idx(labels())), "is not complete in"),
}  # fmt: skip


@pytest.mark.parametrize("kind", STEMS, ids=lambda kind: kind.name)
@pytest.mark.parametrize(("of_images", "of_labels", "said"), WRONG_IDX.values(), ids=WRONG_IDX)
def test_wrong_idx_files(tmp_path, kind, of_images, of_labels, said):
    write(kind, tmp_path, of_images, of_labels)
    assert said in refusal(kind, tmp_path)


@pytest.mark.parametrize("kind", STEMS, ids=lambda kind: kind.name)
def test_right_idx_files(tmp_path, kind):
    write(kind, tmp_path, idx(images()), idx(labels()))
    split = kind(root=str(tmp_path)).test
    wanted = images().transpose(0, 2, 1) if kind is EMNISTLetters else images()
    assert split.images[:, 0].numpy().tolist() == wanted.tolist()
    assert split.labels.tolist() == (labels() - (kind is EMNISTLetters)).tolist()


def test_emnist_numbers_letters_from_1(tmp_path):
    write(EMNISTLetters, tmp_path, idx(images()), idx(labels() - 1))
    assert "labels must be classes 0 to 25, got -1 to 7" in refusal(EMNISTLetters, tmp_path)


def test_an_idx_file_may_be_a_folder_or_a_broken_link(tmp_path):
    write(MNIST, tmp_path, idx(images()), idx(labels()))
    file = tmp_path / "MNIST/raw/t10k-images-idx3-ubyte"
    file.unlink()
    file.mkdir()
    assert "is not complete in" in refusal(MNIST, tmp_path)
    file.rmdir()
    file.symlink_to("nowhere")
    assert "is not complete in" in refusal(MNIST, tmp_path)


@pytest.mark.parametrize("where", ["pixels", "labels"])
def test_a_single_changed_byte_is_noticed(tmp_path, monkeypatch, where):
    """MNIST's files carry no checksum, and torchvision looks only whether they are there."""
    values, classes = images(), labels()
    write(MNIST, tmp_path, idx(values), idx(classes))
    published = content_hash(MNIST(root=str(tmp_path)).test)
    monkeypatch.setattr(MNIST, "sha256", (published, published))
    assert len(MNIST(root=str(tmp_path)).test) == COUNT
    changed = values if where == "pixels" else classes
    changed.flat[7] ^= 1
    write(MNIST, tmp_path, idx(values), idx(classes))
    assert "pixels or labels of the test images differ from those published (SHA-256)" in refusal(MNIST, tmp_path)


def test_the_hash_is_of_all_pixels_then_all_labels():
    split = MemorySplit(torch.arange(8, dtype=torch.uint8).view(2, 1, 2, 2), torch.tensor([3, 4]))
    assert content_hash(split) == hashlib.sha256(bytes(range(8)) + struct.pack("<qq", 3, 4)).hexdigest()


WRONG_ARCHIVES = {
    "empty": b"",
    "no archive": b"404: not found",
    "cut off": gzip.compress(idx(images()))[:-9],
    "of other data": gzip.compress(idx(images())),
}


@pytest.mark.parametrize("archive", WRONG_ARCHIVES.values(), ids=WRONG_ARCHIVES)
@pytest.mark.parametrize("kind", [MNIST, FashionMNIST], ids=lambda kind: kind.name)
def test_wrong_archives_are_not_unpacked(tmp_path, kind, archive):
    folder = (tmp_path / STEMS[kind]).parent
    folder.mkdir(parents=True)
    for stem in ("train", "t10k"):
        for name in ("images-idx3", "labels-idx1"):
            (folder / f"{stem}-{name}-ubyte.gz").write_bytes(archive)
    assert "cannot be downloaded" in refusal(kind, tmp_path)
    assert not list(folder.glob("*ubyte"))


def test_a_wrong_zip_is_not_unpacked(tmp_path):
    (tmp_path / "EMNIST/raw").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "EMNIST/raw/gzip.zip", "w") as archive:
        archive.writestr("../../outside", "x")
    assert "cannot be downloaded" in refusal(EMNISTLetters, tmp_path)
    assert not (tmp_path / "outside").exists()


# Nothing is ever run


class Malicious:
    """Unpickled, it makes a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


@pytest.fixture
def canary(tmp_path):
    return tmp_path / "canary"


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


@pytest.mark.parametrize("kind", STEMS, ids=lambda kind: kind.name)
def test_no_strangers_pickle_is_run_in_the_folder_of_old_torchvisions(tmp_path, canary, kind):
    folder = (tmp_path / STEMS[kind]).parents[1] / "processed"
    folder.mkdir(parents=True)
    letters = "_letters" if kind is EMNISTLetters else ""
    for name in (f"training{letters}.pt", f"test{letters}.pt"):
        torch.save((Malicious(canary), Malicious(canary)), folder / name)
    assert "is not complete in" in refusal(kind, tmp_path)
    assert not canary.exists()


OLD = {
    "no pair": torch.zeros(3),
    "no tensors": ([1, 2], [3, 4]),
    "floats": (torch.zeros(COUNT, 28, 28), torch.zeros(COUNT)),
    "too few": (torch.zeros(3, 28, 28, dtype=torch.uint8), torch.zeros(3, dtype=torch.long)),
}


@pytest.mark.parametrize("stored", OLD.values(), ids=OLD)
def test_wrong_files_of_old_torchvisions(tmp_path, stored):
    (tmp_path / "MNIST/processed").mkdir(parents=True)
    for name in ("training.pt", "test.pt"):
        torch.save(stored, tmp_path / "MNIST/processed" / name)
    refusal(MNIST, tmp_path)


CHANGES = {
    "empty": lambda data: b"",
    "cut off in the middle": lambda data: data[: len(data) // 2],
    "cut off by a byte": lambda data: data[:-1],
    "a byte too long": lambda data: data + b"\0",
    "a bit flipped": lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
    "a page": lambda data: b"<!DOCTYPE html><html>404</html>",
    "gone": None,
}


@pytest.mark.parametrize("file", ["data_batch_1", "test_batch", "batches.meta"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_cifar_files(tmp_path, monkeypatch, file, change):
    path = write_cifar(tmp_path, monkeypatch) / file
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    assert "cifar10 is not complete in" in refusal(CIFAR10, tmp_path, train=True)


# SVHN


def write_svhn(root: Path, monkeypatch: pytest.MonkeyPatch, pixels: np.ndarray, numbers: np.ndarray) -> Path:
    """One MATLAB file for both splits, as if it had always been so."""
    (root / "SVHN").mkdir()
    path = root / "SVHN/test_32x32.mat"
    savemat(path, {"X": pixels, "y": numbers})
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setattr(datasets.SVHN, "split_list", {"test": ["http://example.org/test", "test_32x32.mat", md5]})
    return path


def house_numbers(count: int = COUNT, size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (size, size, 3, count), dtype=np.uint8)


def test_right_svhn_files(tmp_path, monkeypatch):
    write_svhn(tmp_path, monkeypatch, house_numbers(), labels()[:, None])
    split = SVHN(root=str(tmp_path)).test
    assert split.images.numpy().tolist() == house_numbers().transpose(3, 2, 0, 1).tolist()
    assert split.labels.tolist() == labels().tolist()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_svhn_files(tmp_path, monkeypatch, change):
    path = write_svhn(tmp_path, monkeypatch, house_numbers(), labels()[:, None])
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    assert "svhn is not complete in" in refusal(SVHN, tmp_path)


WRONG_SVHN = {
    "one less": (house_numbers(19), labels(19), "published are 20 test images (3, 32, 32), got 19"),
    "other size": (house_numbers(size=28), labels(), "published are 20 test images (3, 32, 32), got 20 (3, 28, 28)"),
    "fewer labels": (house_numbers(), labels(19), "each image must have a label, got 20 images and 19 labels"),
    "label beyond the classes": (house_numbers(), labels() + 50, "labels must be classes 0 to 9"),
    "floats": (house_numbers() / 255, labels(), "stored images must be uint8"),
}


@pytest.mark.parametrize(("pixels", "numbers", "said"), WRONG_SVHN.values(), ids=WRONG_SVHN)
def test_svhn_files_that_are_not_the_published_ones(tmp_path, monkeypatch, pixels, numbers, said):
    write_svhn(tmp_path, monkeypatch, pixels, numbers[:, None])
    assert said in refusal(SVHN, tmp_path)


# Splits made by hand

BYTES, NUMBERS = torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 1])
WRONG_SPLITS = {
    "float images": (BYTES.float(), NUMBERS, r"stored images must be uint8 \(N,C,H,W\), got torch.float32 \(2, 1, 4, 4\)"),
    "signed images": (BYTES.to(torch.int8), NUMBERS, "stored images must be uint8"),
    "bool images": (BYTES.bool(), NUMBERS, "stored images must be uint8"),
    "no channels": (BYTES[:, 0], NUMBERS, r"stored images must be uint8 \(N,C,H,W\), got torch.uint8 \(2, 4, 4\)"),
    "images of numpy": (BYTES.numpy(), NUMBERS, "stored images must be .*got ndarray"),
    "images in a list": (BYTES.tolist(), NUMBERS, "stored images must be .*got list"),
    "float labels": (BYTES, NUMBERS.float(), r"labels must be int64 \(N,\), got torch.float32 \(2,\)"),
    "short labels": (BYTES, NUMBERS.int(), "labels must be int64"),
    "labels in a list": (BYTES, [0, 1], "labels must be int64 .*got list"),
    "labels one-hot": (BYTES, torch.eye(2).long(), r"labels must be int64 \(N,\), got torch.int64 \(2, 2\)"),
    "fewer labels": (BYTES, NUMBERS[:1], "each image must have a label, got 2 images and 1 labels"),
}  # fmt: skip


@pytest.mark.parametrize(("pixels", "numbers", "message"), WRONG_SPLITS.values(), ids=WRONG_SPLITS)
def test_splits_made_by_hand(pixels, numbers, message):
    with pytest.raises(InputError, match=message):
        MemorySplit(pixels, numbers)
