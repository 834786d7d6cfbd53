"""MNIST, Fashion-MNIST and EMNIST with files that are damaged, cut off, exchanged or forged: one line each."""

import gzip
import hashlib
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from published import COUNT, Malicious, labels, refusal

from gcm.data import MNIST, EMNISTLetters, FashionMNIST, MemorySplit
from gcm.data.torchvision_data import TorchvisionData, content_hash

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
