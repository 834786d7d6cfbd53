"""People's own images."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gcm.data import ImageFolder
from gcm.data.folder_split import FolderSplit, in_parallel
from gcm.error import InputError
from gcm.progress import Progress


def write(path: Path, size=(8, 8), mode="RGB", colour=(255, 0, 0)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour if mode == "RGB" else 128).save(path)


@pytest.fixture
def root(tmp_path):
    for name, colour in (("b", (0, 0, 255)), ("a", (255, 0, 0))):
        for index in range(10):
            write(tmp_path / name / f"{index}.png", colour=colour)
    return tmp_path


def test_classes_are_the_folders_in_order(root):
    data = ImageFolder(root=str(root))
    assert data.spec.classes == ("a", "b")
    images, labels = data.test[torch.arange(4)]
    assert labels.tolist() == [0, 0, 1, 1]
    assert images[0, :, 0, 0].tolist() == [255, 0, 0]
    assert images[2, :, 0, 0].tolist() == [0, 0, 255]


def test_without_official_splits_each_class_gives_its_share(root):
    data = ImageFolder(root=str(root), test_share=0.3)
    assert (len(data.train), len(data.test)) == (14, 6)
    train, test = (set(data.read(train=train_split).labels.tolist()) for train_split in (True, False))
    assert train == test == {0, 1}


def test_train_and_test_folders_are_the_official_splits(tmp_path):
    for split, count in (("train", 4), ("test", 2)):
        for name in ("x", "y"):
            for index in range(count):
                write(tmp_path / split / name / f"{index}.png")
    data = ImageFolder(root=str(tmp_path))
    assert (len(data.train), len(data.test)) == (8, 4)


def test_grey_images_have_one_channel(tmp_path):
    for name in ("x", "y"):
        for index in range(5):
            write(tmp_path / name / f"{index}.png", mode="L")
    assert ImageFolder(root=str(tmp_path)).spec.shape == (1, 8, 8)
    assert ImageFolder(root=str(tmp_path), channels=3).spec.shape == (3, 8, 8)


def test_images_of_several_sizes_need_a_size(root):
    write(root / "a/wide.png", size=(30, 10))
    with pytest.raises(InputError, match=r"differ in size \(.*set data.size="):
        _ = ImageFolder(root=str(root), test_share=0).spec
    assert ImageFolder(root=str(root), size=12).spec.shape == (3, 12, 12)


def test_an_image_is_resized_to_cover_and_its_middle_cut_out(tmp_path):
    pixels = np.zeros((10, 30, 3), dtype=np.uint8)
    pixels[:, 10:20] = 255  # only the middle third is white
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    split = FolderSplit([tmp_path / "wide.png"], torch.zeros(1).long(), 3, 10, 10)
    assert split[torch.arange(1)][0].min() == 255


def test_a_split_larger_than_the_limit_stays_on_disk_and_gives_the_same(tmp_path):
    for name in ("x", "y"):
        for index in range(5):
            write(tmp_path / name / f"{index}.png", size=(300, 300), colour=(index, 0, 0))
    streamed = ImageFolder(root=str(tmp_path), memory_limit_mb=1).train
    held = ImageFolder(root=str(tmp_path)).train
    assert isinstance(streamed, FolderSplit)
    assert not isinstance(held, FolderSplit)
    for ours, theirs in zip(streamed[torch.arange(8)], held[torch.arange(8)], strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("content", [b"", b"no image at all", b"\x89PNG\r\n\x1a\n broken"])
def test_a_file_that_is_no_image_is_named(root, content):
    (root / "a/bad.png").write_bytes(content)
    with pytest.raises(InputError, match=r"a/bad.png cannot be read as an image"):
        _ = ImageFolder(root=str(root), test_share=0).train


def test_a_truncated_image_is_named(root):
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).save(root / "a/0.png")
    whole = (root / "a/0.png").read_bytes()
    (root / "a/0.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a/0.png cannot be read as an image"):
        _ = ImageFolder(root=str(root), test_share=0).train


def test_adding_a_file_does_not_deal_the_images_anew(tmp_path):
    for name in ("x", "y"):
        for index in range(50):
            write(tmp_path / name / f"{index}.png")
    before = {path.name for path in ImageFolder(root=str(tmp_path))._files("train")[0] if path.parent.name == "x"}
    write(tmp_path / "x/new.png")
    after = {path.name for path in ImageFolder(root=str(tmp_path))._files("test")[0] if path.parent.name == "x"}
    assert len(before & after) <= 1


def test_sixteen_bits_become_eight(tmp_path):
    pixels = (np.arange(64, dtype=np.uint16) * 257).reshape(8, 8)
    Image.fromarray(pixels).save(tmp_path / "deep.png")
    split = FolderSplit([tmp_path / "deep.png"], torch.zeros(1).long(), 1, 8, 8)
    assert split[torch.arange(1)][0].flatten().tolist() == list(range(64))


def test_values_of_unknown_range_are_refused(tmp_path):
    Image.fromarray(np.random.default_rng(0).random((8, 8), dtype=np.float32)).save(tmp_path / "float.tiff")
    split = FolderSplit([tmp_path / "float.tiff"], torch.zeros(1).long(), 1, 8, 8)
    with pytest.raises(
        InputError, match=r"float\.tiff cannot be read as an image \(32-bit values of unknown range, mode F"
    ):
        split[torch.arange(1)]


def test_half_an_official_split_is_refused(tmp_path):
    for split in ("train", "val"):
        write(tmp_path / split / "x/0.png")
    with pytest.raises(InputError, match=r"class folders in train/ only"):
        _ = ImageFolder(root=str(tmp_path)).train


def test_the_test_folder_must_fit_the_training_folder(tmp_path):
    for place in ("train/x", "train/y", "test/x", "test/y", "test/z"):
        write(tmp_path / place / "0.png")
    with pytest.raises(InputError, match=r"has classes that train/ has not: z"):
        _ = ImageFolder(root=str(tmp_path), size=8).test
    (tmp_path / "test/z/0.png").unlink()
    (tmp_path / "test/z").rmdir()
    write(tmp_path / "test/y/1.png", size=(9, 9))
    with pytest.raises(InputError, match="differ in size"):
        _ = ImageFolder(root=str(tmp_path)).train


def test_folders_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(InputError, match="is no directory"):
        _ = ImageFolder(root=str(tmp_path / "nowhere")).train
    (tmp_path / "only").mkdir()
    with pytest.raises(InputError, match=r"two classes or more, got \['only'\]"):
        _ = ImageFolder(root=str(tmp_path)).train
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match=r"only gives no training image; endings known: .*\.png.*; there is no file"):
        _ = ImageFolder(root=str(tmp_path)).train


def test_files_are_read_in_parallel_and_in_their_order(monkeypatch):
    monkeypatch.setattr("gcm.data.folder_split.AT_ONCE", 4)
    here = threading.Barrier(2, timeout=20)

    def work(number):
        if number < 2:
            here.wait()  # each waits for the other
        if number % 10 == 9:
            raise InputError(f"{number} is bad; mend or remove it")
        return -number

    assert in_parallel(range(9), work) == [0, -1, -2, -3, -4, -5, -6, -7, -8]
    with pytest.raises(InputError, match=r"^2 files: 9 is bad; 19 is bad; mend or remove them$"):
        in_parallel(range(25), work)
    assert in_parallel([], work) == []
    in_parallel(range(100, 109), work)
    with pytest.raises(InputError, match=r"^109 is bad; mend or remove it$"):
        in_parallel(range(100, 115), work)


class Watching(Progress):
    """Remembers what it was asked to watch."""

    def __init__(self):
        self.seen = []

    def over(self, items, what, total):
        self.seen.append((what, total))
        return items


def test_only_the_reading_of_many_files_is_watched(root, monkeypatch):
    monkeypatch.setattr("gcm.data.folder_split.AT_ONCE", 2)
    monkeypatch.setattr("gcm.data.folder_split.MANY", 8)
    data = ImageFolder(root=str(root))
    data.progress = Watching()
    _ = data.train, data.test  # 20 headers, 16 training images, 4 test images; two at once
    assert data.progress.seen == [("reading images", 10)]
