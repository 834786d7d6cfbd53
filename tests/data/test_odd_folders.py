"""Folders of all sorts: which are classes, what in them is an image, and what is said of the others."""

import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from gcm.data import ImageFolder
from gcm.data.folder_split import FolderSplit
from gcm.error import InputError


def write(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4), value).save(path)


@pytest.fixture
def root(tmp_path):
    """Two classes of two images."""
    for name in ("cat", "dog"):
        for number in range(2):
            write(tmp_path / name / f"{number}.png")
    return tmp_path


def trained_on(root):
    data = ImageFolder(root=str(root), test_share=0)
    return data.spec.classes, len(data.train)


UNSEEN = {
    "notebook's folder beside the classes": lambda root: write(root / ".ipynb_checkpoints/0-checkpoint.png"),
    "notebook's folder in a class": lambda root: write(root / "cat/.ipynb_checkpoints/0-checkpoint.png"),
    "a Mac's archive beside the classes": lambda root: write(root / "__MACOSX/cat/0.png"),
    "a Mac's archive in a class": lambda root: write(root / "cat/__MACOSX/0.png"),
    "a Mac's shadow of an image": lambda root: (root / "cat/._0.png").write_bytes(b"\0\5\x16\7 Mac OS X"),
    "version control": lambda root: (root / ".git/objects").mkdir(parents=True),
    "an editor's lock": lambda root: (root / "cat/.#notes").symlink_to("me@host.1"),
    "a file beside the classes": lambda root: write(root / "overview.png"),
    "a table beside the classes": lambda root: (root / "labels.csv").write_text("a,b\n"),
    "another kind of file in a class": lambda root: (root / "cat/Thumbs.db").write_bytes(b"x"),
    "a file without an ending": lambda root: (root / "cat/README").write_text("x"),
    "a folder called as an image": lambda root: (root / "cat/empty.png").mkdir(),
    "an empty folder in a class": lambda root: (root / "cat/empty").mkdir(),
    "a link to the folder itself": lambda root: (root / "cat/loop").symlink_to("."),
    "a link to the folder above": lambda root: (root / "cat/up/").symlink_to(root / "cat"),
}


@pytest.mark.parametrize("add", UNSEEN.values(), ids=UNSEEN)
def test_what_is_no_image_of_a_class_changes_nothing(root, add):
    add(root)
    assert trained_on(root) == (("cat", "dog"), 4)


SEEN = {
    "upper case": lambda root: write(root / "cat/X.PNG"),
    "a folder in a class": lambda root: write(root / "cat/young/x.png"),
    "a folder called as an image": lambda root: write(root / "cat/folder.png/x.png"),
    "a link to an image": lambda root: (root / "cat/link.png").symlink_to(root / "dog/0.png"),
    "a link to a folder of images": lambda root: [
        write(root / "../elsewhere/x.png"),
        (root / "cat/more").symlink_to(root / "../elsewhere"),
    ],
    "a hard link": lambda root: os.link(root / "dog/0.png", root / "cat/hard.png"),
}


@pytest.mark.parametrize("add", SEEN.values(), ids=SEEN)
def test_what_is_one_image_more(root, add):
    add(root)
    assert trained_on(root) == (("cat", "dog"), 5)


def test_below_a_hidden_folder_all_is_seen(tmp_path):
    for name in ("cat", "dog"):
        write(tmp_path / ".cache/data" / name / "0.png")
    assert trained_on(tmp_path / ".cache/data") == (("cat", "dog"), 2)


def test_a_class_may_be_a_link(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write(elsewhere / "0.png")
    (root / "fox").symlink_to(elsewhere)
    assert trained_on(root) == (("cat", "dog", "fox"), 5)


CLASSES = {
    "case": (["Cat"], ("Cat", "cat", "dog")),
    "spaces": (["a cat"], ("a cat", "cat", "dog")),
    "signs": (["a,b", "$x$", "[red]", "50%", "-v", "{c}", "'", '"', "|", "\\"], None),
    "decomposed": (["cafe\u0301"], ("caf\u00e9", "cat", "dog")),
    "numbers": (["10", "9"], ("10", "9", "cat", "dog")),
    "Japanese": (["猫"], ("cat", "dog", "猫")),
}


@pytest.mark.parametrize(("names", "wanted"), CLASSES.values(), ids=CLASSES)
def test_names_of_classes(root, names, wanted):
    for name in names:
        write(root / name / "0.png")
    assert trained_on(root) == (wanted or tuple(sorted(["cat", "dog", *names])), 4 + len(names))


def test_train_and_test_may_write_unicode_differently(tmp_path):
    for place in ("train/caf\u00e9", "train/tea", "test/cafe\u0301", "test/tea"):
        write(tmp_path / place / "0.png", 9)
    data = ImageFolder(root=str(tmp_path))
    assert data.class_names() == ("caf\u00e9", "tea")
    assert data.test.labels.tolist() == [0, 1]
    assert data.test[torch.arange(2)][0].unique().tolist() == [9]


REFUSED = {
    "line break": (lambda root: write(root / "line\nbreak/0.png"), r"line\\nbreak: the name of a class must be printable"),
    "escape": (lambda root: write(root / "\x1b[31m/0.png"), r"\\x1b\[31m: the name of a class must be printable"),
    "no text": (lambda root: write(root / os.fsdecode(b"\xff") / "0.png"), r"\\udcff: the name of a class must be printable"),
    "right to left": (lambda root: write(root / "\u202etac/0.png"), r"\\u202etac: the name of a class must be printable"),
    "same name": (lambda root: [write(root / "caf\u00e9/0.png"), write(root / "cafe\u0301/0.png")], r"two folders called café, written in different Unicode"),
    "empty class": (lambda root: (root / "empty").mkdir(), r"empty gives no training image; endings known: .*\.png.*; there is no file"),
    "class of hidden images": (lambda root: write(root / "hidden/.0.png"), r"hidden gives no training image"),
    "class of other files": (lambda root: [(root / "other").mkdir(), (root / "other/0.heic").write_bytes(b"x")], r"other gives no training image"),
    "broken link of a class": (lambda root: (root / "fox").symlink_to("nowhere"), r"fox is a link that leads nowhere; mend or remove it"),
    "link of a class to itself": (lambda root: (root / "fox").symlink_to("fox"), r"fox is a link that leads nowhere"),
    "broken link of an image": (lambda root: (root / "cat/x.png").symlink_to("nowhere"), r"cat/x.png is a link that leads nowhere"),
    "pipe": (lambda root: os.mkfifo(root / "cat/x.png"), r"cat/x.png is no file, or cannot be reached"),
    "one class": (lambda root: [(root / "dog" / f"{n}.png").unlink() for n in range(2)] + [(root / "dog").rmdir()], r"for each of two classes or more, got \['cat'\]"),
    "only hidden test classes": (lambda root: [write(root / "train/cat/0.png"), write(root / "test/.x/0.png")], r"has class folders in train/ only"),
    "other size": (lambda root: Image.new("L", (5, 4)).save(root / "cat/x.png"), r"differ in size .*set data.size="),
}  # fmt: skip


@pytest.mark.parametrize(("add", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_in_one_line(root, add, message):
    add(root)
    with pytest.raises(InputError, match=message) as caught:
        trained_on(root)
    assert str(caught.value).isprintable()


def test_the_root_may_be_a_file_or_a_loop(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("file", "loop", "nowhere"):
        with pytest.raises(
            InputError, match=f"{name} is no directory; expected there: one folder of images for each class"
        ):
            trained_on(tmp_path / name)


def test_a_folder_that_may_not_be_read(root, monkeypatch):
    scandir = os.scandir

    def denied(path):
        if Path(path).name == "cat":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("gcm.data.folder_files.os.scandir", denied)
    with pytest.raises(InputError, match=r"cat cannot be read \(Permission denied\)"):
        trained_on(root)


def test_a_file_that_goes_while_training_is_named(root):
    paths = sorted(root.rglob("*.png"))
    split = FolderSplit(paths, torch.zeros(4).long(), channels=1, height=4, width=4)
    (root / "cat/1.png").unlink()
    with pytest.raises(InputError, match=r"cat/1.png is no file, or cannot be reached"):
        split[torch.arange(4)]
