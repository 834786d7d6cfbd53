"""Whatever Pillow reads is an image, by its ending or its content; what is left out is counted and said."""

import numpy as np
import pytest
import torch
from PIL import Image

from gcm.data import ImageFolder
from gcm.data.folder_files import counted, is_image, readable
from gcm.data.folder_split import header
from gcm.error import InputError

COLOUR = (200, 100, 50)
WRITTEN = {ending: name for ending, name in readable().items() if name in Image.SAVE and name != "IM"}
"""Endings of which Pillow can also write an image for a test, without a word that it will not for long."""
MODES = {"XBM": "1", "MSP": "1", "BLP": "P"}


def write(path, form="PNG", mode="RGB", size=(16, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, COLOUR).convert(mode).save(path, format=form)


@pytest.fixture
def root(tmp_path):
    for name in ("cat", "dog"):
        for number in range(2):
            write(tmp_path / name / f"{number}.png")
    return tmp_path


def images_in(root):
    return len(ImageFolder(root=str(root), test_share=0).train)


COMMON = [
    ".png",
    ".apng",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".mpo",
    ".gif",
    ".bmp",
    ".dib",
    ".webp",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pnm",
    ".jp2",
    ".j2k",
    ".ico",
    ".tga",
    ".pcx",
    ".sgi",
    ".psd",
    ".dds",
]
if ".avif" in readable():
    COMMON += [".avif", ".avifs"]


@pytest.mark.parametrize("ending", COMMON)
def test_what_pillow_reads_is_on_the_list(ending):
    assert ending in readable()


@pytest.mark.parametrize(
    "ending",
    [
        ".eps",
        ".ps",
        ".pdf",
        ".wmf",
        ".emf",
        ".mpg",
        ".mpeg",
        ".h5",
        ".grib",
        ".bufr",
        ".txt",
        ".csv",
        ".json",
        ".npy",
        ".heic",
        ".svg",
        ".zip",
    ],
)
def test_what_pillow_does_not_read_by_itself_is_not(ending):
    assert ending not in readable()


@pytest.mark.parametrize("ending", sorted(WRITTEN))
def test_an_image_by_any_ending_is_read(root, ending):
    """In the size that its header says, and in its own colour where the format keeps colours."""
    form, path = WRITTEN[ending], root / "cat" / f"x{ending}"
    write(path, form, MODES.get(form, "L" if ending == ".pgm" else "RGB"))
    with Image.open(path) as image:
        image.load()
        assert (header(path).width, header(path).height) == image.size
    data = ImageFolder(root=str(root), test_share=0, size=16, channels=3)
    assert len(data.train) == 5
    shown = data.train[torch.tensor([2])][0][0]
    if form in ("PNG", "BMP", "DIB", "TIFF", "TGA", "PCX", "SGI", "ICO", "QOI") and ending not in (".bw",):
        assert shown[:, 3, 3].tolist() == list(COLOUR)
    if ending in (".jfif", ".avif", ".webp", ".jp2"):
        assert np.abs(shown[:, 3, 3].numpy().astype(int) - COLOUR).max() <= 3


@pytest.mark.parametrize("ending", [".JPG", ".JFIF", ".Png", ".TIF", ".WebP"])
def test_case_does_not_matter(root, ending):
    write(root / "cat" / f"x{ending}", "PNG")
    assert images_in(root) == 5


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "JPEG2000"])
def test_without_an_ending_the_content_tells(root, form):
    write(root / "cat/3f2a9c", form)
    write(root / "cat/wrong.jpg", form)
    assert images_in(root) == 6


def test_what_is_left_out_is_counted_and_said_once(root, notices):
    for name in ("1.heic", "2.HEIC", "3.heic", "notes.txt", "README", "x.jpg~"):
        (root / "cat" / name).write_bytes(b"no image")
    (root / "dog/Thumbs.db").write_bytes(b"of a file manager")
    (root / "dog/.DS_Store").write_bytes(b"of another")
    write(root / "overview.png")
    (root / "labels.csv").write_text("beside the classes")
    for _ in range(3):
        assert images_in(root) == 4
    data = ImageFolder(root=str(root), test_share=0.5)
    data.check()
    assert notices == [
        f"left out in {root}: 3 .heic, 1 .jpg~, 1 .txt, 1 without an ending (not read by Pillow here); "
        "1 image outside the class folders"
    ]


def test_folders_beside_a_split_are_said(tmp_path, notices):
    for part in ("train", "test", "extra", "unlabelled"):
        write(tmp_path / part / "cat/0.png")
        write(tmp_path / part / "dog/0.png")
    write(tmp_path / "train/loose.png")
    ImageFolder(root=str(tmp_path)).check()
    assert notices == [f"left out in {tmp_path}: 1 image outside the class folders; the folders extra, unlabelled"]


def test_where_nothing_is_left_out_nothing_is_said(root, notices):
    ImageFolder(root=str(root), test_share=0.5).check()
    assert not notices


def test_a_class_of_nothing_else_says_what_is_there(root):
    (root / "fox").mkdir()
    for number in range(2):
        (root / "fox" / f"{number}.heic").write_bytes(b"x")
    with pytest.raises(InputError, match=r"fox gives no training image; there are 2 \.heic; endings known: \.apng, "):
        images_in(root)


def test_words_for_counts(tmp_path):
    assert counted([tmp_path / name for name in ("a.B", "c.b", "d", "e.tar.gz")]) == "2 .b, 1 .gz, 1 without an ending"
    (tmp_path / "pipe").mkdir()
    assert not is_image(tmp_path / "pipe")


@pytest.mark.parametrize(("link", "to"), [("cat/up", ".."), ("felis", "cat"), ("cat/more", "dog")])
def test_links_bring_no_image_into_two_classes_or_twice_into_one(tmp_path, link, to):
    for name in ("cat", "dog"):
        (tmp_path / "root" / name).mkdir(parents=True)
        for number in range(4):
            Image.new("L", (8, 8), number).save(tmp_path / "root" / name / f"{number}.png")
    ImageFolder(root=str(tmp_path / "root")).check()
    (tmp_path / "root" / link).symlink_to(tmp_path / "root" / to)
    with pytest.raises(InputError, match="are one file"):
        ImageFolder(root=str(tmp_path / "root")).check()


@pytest.mark.parametrize("name", ["@eaDir", "$RECYCLE.BIN", "lost+found", "System Volume Information", "__MACOSX"])
def test_what_file_managers_leave_behind_is_no_class(tmp_path, name):
    for folder in ("cat", "dog", name):
        (tmp_path / folder).mkdir()
        for number in range(4):
            Image.new("L", (8, 8), number).save(tmp_path / folder / f"{number}.png")
    assert ImageFolder(root=str(tmp_path)).class_names() == ("cat", "dog")
