"""What every data set must do; those that are downloaded, on small files of their real format."""

import gzip
import io
import struct
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sample import configured
from scipy.io import savemat
from torchvision import datasets

from gcm.data import MNIST, SVHN, FashionMNIST
from gcm.data.torchvision_data import TorchvisionData
from gcm.error import InputError
from gcm.instantiate import instantiate

PIXELS = np.random.default_rng(0)


def publish(kind: type[TorchvisionData], images: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if so many images in each split were all that was ever published."""
    monkeypatch.setattr(kind, "counts", (images, images))
    monkeypatch.setattr(kind, "sha256", ("", ""))


def write_idx(folder: Path, images: int) -> None:
    """MNIST's format: 28x28 images and their labels, for both splits."""
    folder.mkdir(parents=True)
    for stem in ("train", "t10k"):
        labels = (np.arange(images) % 10).astype(np.uint8)
        values = PIXELS.integers(0, 256, (images, 28, 28), dtype=np.uint8)
        (folder / f"{stem}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, images) + labels.tobytes())
        (folder / f"{stem}-images-idx3-ubyte").write_bytes(
            struct.pack(">IIII", 0x803, images, 28, 28) + values.tobytes()
        )


def write_svhn(folder: Path, images: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """SVHN's format 2: MATLAB files with X (32,32,3,N) and y (N,1), where the digit 0 is labelled 10."""
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        labels = (np.arange(images) % 10 + 1).astype(np.uint8).reshape(-1, 1)
        savemat(
            folder / f"{split}_32x32.mat",
            {"X": PIXELS.integers(0, 256, (32, 32, 3, images), dtype=np.uint8), "y": labels},
        )
    monkeypatch.setattr(datasets.SVHN, "_check_integrity", lambda _: True)
    publish(SVHN, images, monkeypatch)


def write_folder(root: Path, images: int, channels: int = 3, size: int = 64) -> None:
    for name in ("circle", "square", "star"):
        (root / name).mkdir(parents=True)
        for index in range(images // 3):
            shape = (size, size, channels) if channels == 3 else (size, size)
            Image.fromarray(PIXELS.integers(0, 256, shape, dtype=np.uint8)).save(root / name / f"{index}.png")


def write_mnist(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx(root / "MNIST/raw", 60)
    publish(MNIST, 60, monkeypatch)


def write_fashion_mnist(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx(root / "FashionMNIST/raw", 60)
    publish(FashionMNIST, 60, monkeypatch)


WRITERS = {
    "mnist": write_mnist,
    "fashion_mnist": write_fashion_mnist,
    "svhn": lambda root, monkeypatch: write_svhn(root / "SVHN", 60, monkeypatch),
    "image_folder": lambda root, _: write_folder(root, 60),
}
"""Small files of the formats that data sets are read from; a data set that is in no file needs none."""
ELSEWHERE = {
    "cifar10": "wrong_files/test_cifar10.py",
    "emnist_letters": "MNIST's format; test_unlike.py",
    "grid": "another set's images side by side: oracle/test_changed_maps.py",
}
"""Where the others are tested."""
FEW = {"train_images": 80, "test_images": 20}


@pytest.fixture(params=[name for name in configured("data") if name not in ELSEWHERE])
def data(request, tmp_path, monkeypatch):
    """Every configured data set, small, with 20 validation images."""
    if request.param in WRITERS:
        WRITERS[request.param](tmp_path, monkeypatch)
    settings = configured("data")[request.param]
    few = {name: count for name, count in FEW.items() if name in settings}
    root = {"root": str(tmp_path)} if "root" in settings else {}
    return instantiate({**settings, **few, **root, "val_size": 20}, key="data")


def test_splits_are_uint8_in_the_specs_shape(data):
    for split in (data.train, data.validation, data.test):
        images, labels = split[torch.arange(3)]
        assert images.dtype == torch.uint8
        assert images.shape == (3, *data.spec.shape)
        assert labels.dtype == torch.int64
        assert labels.shape == (3,)
        assert 0 <= split.labels.min() <= split.labels.max() < len(data.spec.classes)


def test_validation_is_carved_from_train_by_the_seed(data):
    whole = type(data)(**{**vars_of(data), "val_size": 0}).train
    assert len(data.train) + len(data.validation) == len(whole)
    assert len(data.validation) == 20
    rows = torch.cat([data.train[torch.arange(len(data.train))][0], data.validation[torch.arange(20)][0]]).flatten(1)
    every = whole[torch.arange(len(whole))][0].flatten(1)
    assert sorted(map(bytes, rows.numpy())) == sorted(map(bytes, every.numpy()))
    other = type(data)(**{**vars_of(data), "split_seed": 1})
    assert not torch.equal(other.validation[torch.arange(20)][0], data.validation[torch.arange(20)][0])


def vars_of(data):
    return {field.name: getattr(data, field.name) for field in fields(data)}


def test_too_large_a_validation_set_is_refused(data):
    with pytest.raises(
        InputError, match=rf"val_size must be less than the .* training images of {data.name}, got 100000"
    ):
        _ = type(data)(**{**vars_of(data), "val_size": 100_000}).train


def test_the_mean_is_that_of_the_training_images(data):
    images, _ = data.train[torch.arange(len(data.train))]
    expected = (images.double() / 255).mean((0, 2, 3))
    assert data.spec.mean == pytest.approx(expected.tolist(), abs=1e-12)


def test_svhn_labels_ten_as_zero(tmp_path, monkeypatch):
    write_svhn(tmp_path / "SVHN", 20, monkeypatch)
    assert SVHN(root=str(tmp_path)).test.labels.tolist() == [*range(1, 10), 0] * 2


@pytest.mark.parametrize("kind", [MNIST, SVHN])
def test_missing_data_says_where_what_and_how(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("torchvision.datasets.utils.urllib.request.urlopen", no_network)
    with pytest.raises(InputError) as caught:
        _ = kind(root=str(tmp_path)).test
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(tmp_path), kind.files, kind.source, "data.root="):
        assert part in message


def no_network(*_, **__):
    from urllib.error import URLError

    raise URLError("no network")


class Answer(io.BytesIO):
    """A file of a folder as a server would send it."""

    def __init__(self, folder, request):
        super().__init__((folder / Path(request.full_url).name).read_bytes())
        self.length = self.getbuffer().nbytes
        self.url = request.full_url


def test_missing_files_are_downloaded(tmp_path, monkeypatch):
    """By torchvision's own code, with a folder in the place of the server."""
    source = tmp_path / "server"
    write_idx(source, 30)
    for path in list(source.iterdir()):
        (source / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    names = [f"{stem}-{kind}-ubyte.gz" for stem in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["https://example.org/"])
    monkeypatch.setattr("torchvision.datasets.utils.urllib.request.urlopen", lambda request: Answer(source, request))
    monkeypatch.setattr(datasets.MNIST, "resources", [(name, None) for name in names])
    publish(MNIST, 30, monkeypatch)
    assert len(MNIST(root=str(tmp_path / "data")).test) == 30
