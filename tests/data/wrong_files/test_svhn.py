"""SVHN with files that are damaged, cut off, exchanged or forged: one line each."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from published import CHANGES, COUNT, labels, refusal
from scipy.io import savemat
from torchvision import datasets

from gcm.data import SVHN


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
