"""Images unlike those that a network was trained on."""

import struct

import numpy as np
import pytest
import torch

from gcm.data import CIFAR10, MNIST, Digits, EMNISTLetters, MemorySplit, unlike
from gcm.error import DataNotFoundError, InputError


@pytest.fixture(autouse=True)
def few_letters(monkeypatch):
    """As if these were all that was ever published."""
    monkeypatch.setattr(EMNISTLetters, "counts", (52, 52))
    monkeypatch.setattr(EMNISTLetters, "sha256", ("", ""))


def write_letters(root):
    """EMNIST's files: 52 test images, two of each letter; the first row of each is its number."""
    folder = root / "EMNIST/raw"
    folder.mkdir(parents=True)
    labels = (np.arange(52) % 26 + 1).astype(np.uint8)
    images = np.zeros((52, 28, 28), dtype=np.uint8)
    images[:, :, 0] = labels[:, None]  # a column in the file is a row of the letter
    for split in ("train", "test"):
        stem = folder / f"emnist-letters-{split}"
        stem.with_name(f"{stem.name}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 52) + labels.tobytes())
        stem.with_name(f"{stem.name}-images-idx3-ubyte").write_bytes(
            struct.pack(">IIII", 0x803, 52, 28, 28) + images.tobytes()
        )


def test_letters_stand_upright_and_count_from_0(tmp_path):
    write_letters(tmp_path)
    split = EMNISTLetters(root=str(tmp_path)).test
    images, labels = split[torch.arange(26)]
    assert labels.tolist() == list(range(26))
    assert (images[:, 0, 0, :] == labels.unsqueeze(1) + 1).all()
    assert images[:, 0, 1:].sum() == 0
    assert EMNISTLetters(root=str(tmp_path)).class_names()[8] == "i"


def test_letters_like_digits_are_apart(tmp_path):
    write_letters(tmp_path)
    data = Digits(root=str(tmp_path))
    found = unlike(data, "emnist_letters")
    assert {name: len(images) for name, images in found.items()} == {
        "emnist_letters": 36,
        "emnist_letters like digits (B, G, I, L, O, Q, S, Z)": 16,
    }
    assert all(images.shape[1:] == (1, 32, 32) and images.dtype == torch.uint8 for images in found.values())
    letter_y = next(image for image in found["emnist_letters"] if image[0, 0, 0] == 25)
    assert letter_y[0, :3, 5].tolist() == [25, 5, 0]  # enlarged, row 1 lies at row 13/16: 3/16 of 25, rounded


def test_negatives_and_noise_have_the_datas_shape():
    data = Digits()
    images, _ = data.test[torch.arange(len(data.test))]
    assert torch.equal(unlike(data, "inverted")["inverted"], 255 - images)
    noise = unlike(data, "noise")["noise"]
    assert noise.shape == images.shape
    assert torch.equal(noise, unlike(data, "noise")["noise"])
    assert 126 < noise.float().mean() < 129


def test_what_does_not_fit_or_is_not_there_is_said(tmp_path, monkeypatch):
    write_letters(tmp_path)
    data = CIFAR10(root=str(tmp_path))
    data.__dict__["test"] = MemorySplit(torch.zeros(2, 3, 32, 32, dtype=torch.uint8), torch.zeros(2).long())
    with pytest.raises(InputError, match="emnist_letters has 1 channels, cifar10 has 3; name other images"):
        unlike(data, "emnist_letters")
    monkeypatch.setattr("torchvision.datasets.FashionMNIST", failing)
    with pytest.raises(DataNotFoundError, match="fashion_mnist is not complete"):
        unlike(MNIST(root=str(tmp_path)), "fashion_mnist")


def failing(*_, **__):
    raise RuntimeError("not found")
