"""Image files of all sorts: each is decoded as a viewer shows it, or refused in one line that names it."""

import os
import struct
import zlib

import numpy as np
import PIL
import pytest
import torch
from PIL import Image

from gcm.data import ImageFolder
from gcm.data.folder_split import FolderSplit, header
from gcm.error import InputError

WIDTH, HEIGHT = 4, 3
SIZE = (WIDTH, HEIGHT)


def decoded(path, channels=3, height=HEIGHT, width=WIDTH):
    """`(C,H,W)`."""
    return FolderSplit([path], torch.zeros(1).long(), channels, height, width)[torch.arange(1)][0][0]


def even(mode, colour, **options):
    """Writes an image of one colour."""
    return lambda path: Image.new(mode, SIZE, colour).save(path, **options)


def array(values, **options):
    return lambda path: Image.fromarray(values).save(path, **options)


def content(data):
    return lambda path: path.write_bytes(data)


def sixteen(value, kind="<u2"):
    return np.full((HEIGHT, WIDTH), value, dtype=kind)


def png(depth, kind, pixel, size=SIZE, *more):
    """A PNG written by hand, of one colour; `pixel`: its bytes."""
    width, height = size
    rows = (b"\0" + pixel * width) * height
    first = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    chunks = [(b"IHDR", first), *more, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def palette(transparent=None, **options):
    def write(path):
        image = Image.new("P", SIZE, 1)
        image.putpalette([0, 0, 0, 10, 20, 30])
        image.save(path, **({} if transparent is None else {"transparency": transparent}), **options)

    return write


def several(path, **options):
    """An animation, or pages: red, green, blue."""
    first, *others = (Image.new("RGB", SIZE, colour) for colour in ("red", (0, 255, 0), "blue"))
    first.save(path, save_all=True, append_images=others, **options)


RED, WHITE = (255, 0, 0), (255, 255, 255)
DECODED = {
    # name of the file: (writes it, channels, the colour that every pixel has)
    "grey.png": (even("L", 100), 1, (100,)),
    "grey as colour.png": (even("L", 100), 3, (100, 100, 100)),
    "colour as grey.png": (even("RGB", RED), 1, (76,)),  # 0.299 * 255
    "one bit white.png": (even("1", 1), 1, (255,)),
    "one bit black.png": (even("1", 0), 1, (0,)),
    "one bit.bmp": (even("1", 1), 1, (255,)),
    "one bit.tif": (even("1", 1), 1, (255,)),
    "bits.pbm.ppm": (content(b"P4\n4 3\n" + b"\xf0" * 3), 1, (0,)),  # 1 is black
    "sixteen bits.png": (array(sixteen(50 * 257)), 1, (50,)),
    "sixteen bits.tif": (array(sixteen(50 * 257)), 1, (50,)),
    "sixteen bits, big end first.tif": (array(sixteen(50 * 257, ">u2")), 1, (50,)),
    "sixteen bits.pgm": (content(b"P5\n4 3\n65535\n" + struct.pack(">H", 50 * 257) * 12), 1, (50,)),
    "sixteen bits as text.pgm": (content(b"P2\n4 3\n65535\n" + b"12850 " * 12), 1, (50,)),
    "ten bits.pgm": (content(b"P5\n4 3\n1023\n" + struct.pack(">H", 1023) * 12), 1, (255,)),
    "four bits.pgm": (content(b"P5\n4 3\n15\n" + b"\x0f" * 12), 1, (255,)),
    "as text.ppm": (content(b"P3\n4 3\n255\n" + b"255 0 0 " * 12), 3, RED),
    "sixteen bits, colours.png": (content(png(16, 2, struct.pack(">HHH", 2570, 5140, 7710))), 3, (10, 20, 30)),
    "sixteen bits, grey, opaque.png": (content(png(16, 4, struct.pack(">HH", 12850, 65535))), 3, (50, 50, 50)),
    "sixteen bits, transparent.png": (content(png(16, 6, struct.pack(">HHHH", 1, 2, 3, 0))), 3, WHITE),
    "palette.png": (palette(), 3, (10, 20, 30)),
    "palette.gif": (palette(), 3, (10, 20, 30)),
    "palette.bmp": (palette(), 3, (10, 20, 30)),
    "palette.tif": (palette(), 3, (10, 20, 30)),
    "palette as grey.png": (palette(), 1, (18,)),  # 0.299 * 10 + 0.587 * 20 + 0.114 * 30
    "palette, this one transparent.png": (palette(1), 3, WHITE),
    "palette, another transparent.png": (palette(0), 3, (10, 20, 30)),
    "palette, half transparent.png": (palette(bytes([255, 128])), 3, (132, 137, 142)),  # half way to white
    "palette, this one transparent.gif": (palette(1), 3, WHITE),
    "opaque.png": (even("RGBA", (10, 20, 30, 255)), 3, (10, 20, 30)),
    "transparent.png": (even("RGBA", (10, 20, 30, 0)), 3, WHITE),
    "half transparent.png": (even("RGBA", (255, 0, 0, 128)), 3, (255, 127, 127)),
    "transparent as grey.png": (even("RGBA", (10, 20, 30, 0)), 1, (255,)),
    "transparent.webp": (even("RGBA", (10, 20, 30, 0), lossless=True), 3, WHITE),
    "transparent.tif": (even("RGBA", (10, 20, 30, 0)), 3, WHITE),
    "grey, half transparent.png": (even("LA", (0, 128)), 1, (127,)),
    "grey, opaque.png": (even("LA", (100, 255)), 1, (100,)),
    "grey, this value transparent.png": (even("L", 100, transparency=100), 1, (255,)),
    "grey, another value transparent.png": (even("L", 100, transparency=101), 1, (100,)),
    "colour, this one transparent.png": (even("RGB", RED, transparency=RED), 3, WHITE),
    "one bit, black transparent.png": (even("1", 0, transparency=0), 1, (255,)),
    "four colours.tif": (even("CMYK", (0, 255, 255, 0)), 3, RED),
    "four colours.jpg": (even("CMYK", (0, 0, 0, 0), quality=100), 3, WHITE),
    "luma and chroma.tif": (even("YCbCr", (100, 128, 128)), 3, (100, 100, 100)),
    "grey.jpg": (even("L", 100, quality=100), 1, (100,)),
    "progressive.jpg": (even("RGB", (100, 100, 100), quality=100, progressive=True), 3, (100, 100, 100)),
    "lossless.webp": (even("RGB", (10, 20, 30), lossless=True), 3, (10, 20, 30)),
    "compressed.tif": (even("RGB", (10, 20, 30), compression="tiff_lzw"), 3, (10, 20, 30)),
    "animated.gif": (several, 3, RED),
    "animated.png": (several, 3, RED),
    "animated.webp": (lambda path: several(path, lossless=True), 3, RED),
    "pages.tif": (several, 3, RED),
    "colour profile.png": (even("RGB", (10, 20, 30), icc_profile=b"no profile at all"), 3, (10, 20, 30)),
    "wrong ending.jpg": (even("RGB", (10, 20, 30), format="PNG"), 3, (10, 20, 30)),
    "wrong ending.png": (even("RGB", (10, 20, 30), format="BMP"), 3, (10, 20, 30)),
    "one pixel.png": (lambda path: Image.new("RGB", (1, 1), (10, 20, 30)).save(path), 3, (10, 20, 30)),
    "very wide.png": (lambda path: Image.new("RGB", (20_000, 2), (10, 20, 30)).save(path), 3, (10, 20, 30)),
    "very high.png": (lambda path: Image.new("RGB", (1, 20_000), (10, 20, 30)).save(path), 3, (10, 20, 30)),
}  # fmt: skip
if PIL.__version__ < "13":
    del DECODED["luma and chroma.tif"]  # which Pillow could write, but not read


@pytest.mark.parametrize(
    ("name", "write", "channels", "colour"), [(name, *case) for name, case in DECODED.items()], ids=DECODED
)
def test_decoded_as_a_viewer_shows_it(tmp_path, name, write, channels, colour):
    write(tmp_path / name)
    wanted = torch.tensor(colour, dtype=torch.uint8)[:, None, None].expand(channels, HEIGHT, WIDTH)
    assert torch.equal(decoded(tmp_path / name, channels), wanted)
    header(tmp_path / name)


TURNS = {
    1: lambda pixels: pixels,
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).transpose(1, 0, 2),
    8: np.rot90,
    0: lambda pixels: pixels,
    9: lambda pixels: pixels,
}
"""What EXIF's orientations mean; others mean nothing."""


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize(
    ("ending", "options"), [("png", {}), ("tif", {}), ("webp", {"lossless": True})], ids=["png", "tif", "webp"]
)
def test_turned_as_its_exif_data_say(tmp_path, ending, options, orientation):
    pixels = np.arange(HEIGHT * WIDTH * 3, dtype=np.uint8).reshape(HEIGHT, WIDTH, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"turned.{ending}"
    Image.fromarray(pixels).save(path, exif=exif, **options)
    wanted = TURNS[orientation](pixels)
    found = header(path)
    assert (found.height, found.width) == wanted.shape[:2]
    assert decoded(path, 3, found.height, found.width).permute(1, 2, 0).tolist() == wanted.tolist()


def test_sixteen_bits_are_turned_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.fromarray(np.arange(6, dtype=np.uint16).reshape(1, 6) * 257).save(tmp_path / "turned.png", exif=exif)
    assert decoded(tmp_path / "turned.png", 1, 6, 1).flatten().tolist() == [5, 4, 3, 2, 1, 0]


WHOLE = {
    "png": png(8, 2, b"\x0a\x14\x1e"),
    "text bomb": png(8, 2, b"\x0a\x14\x1e", SIZE, (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(70_000_000), 9))),
}
REFUSED = {
    # name of the file: (writes it, what the line says)
    "empty.png": (content(b""), "cannot identify image file"),
    "zeros.png": (content(bytes(1000)), "cannot identify image file"),
    "text.jpg": (content(b"404: not found\n"), "cannot identify image file"),
    "page.png": (content(b"<!DOCTYPE html><html></html>"), "cannot identify image file"),
    "vector.png": (content(b'<svg xmlns="http://www.w3.org/2000/svg"/>'), "cannot identify image file"),
    "document.png": (content(b"%PDF-1.4\n%%EOF"), "cannot identify image file"),
    "archive.png": (content(b"PK\x03\x04" + bytes(26)), "cannot identify image file"),
    "program.png": (content(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 3\n%%EndComments\nshowpage\n%%EOF\n"), "cannot identify image file"),
    "icon.png": (lambda path: Image.new("RGB", (16, 16)).save(path, format="ICO"), "cannot identify image file"),
    "only the signature.png": (content(WHOLE["png"][:8]), "cannot identify image file"),
    "only the header.png": (content(WHOLE["png"][:33]), ""),
    "cut off.png": (content(WHOLE["png"][:-28]), ""),
    "text bomb.png": (content(WHOLE["text bomb"]), "Decompressed data too large"),
    "decompression bomb.png": (content(png(8, 0, b"", (50_000, 50_000))), "decompression bomb"),
    "no pixels.pgm": (content(b"P5\n0 0\n255\n"), ""),
    "negative size.pgm": (content(b"P5\n-4 3\n255\n" + bytes(12)), ""),
    "floats.tif": (array(np.ones((HEIGHT, WIDTH), dtype=np.float32)), "32-bit values of unknown range, mode F"),
    "32 bits.tif": (array(np.ones((HEIGHT, WIDTH), dtype=np.int32)), "32-bit values of unknown range, mode I"),
    "sixteen bits, one value transparent.png": (array(sixteen(0), transparency=0), "16 bits with a transparent value"),
    "broken link.png": (lambda path: path.symlink_to("nowhere.png"), "is no file, or cannot be reached"),
    "link to itself.png": (lambda path: path.symlink_to(path.name), "is no file, or cannot be reached"),
    "pipe.png": (os.mkfifo, "is no file, or cannot be reached"),
    "folder.png": (lambda path: path.mkdir(), "is no file, or cannot be reached"),
    "line\nbreak.png": (content(b""), r"line\nbreak.png cannot be read as an image"),
    "escape\x1b[31m.png": (content(b""), r"escape\x1b[31m.png cannot be read as an image"),
    os.fsdecode(b"no text \xff.png"): (content(b""), r"no text \udcff.png cannot be read as an image"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "write", "said"), [(name, *case) for name, case in REFUSED.items()], ids=map(ascii, REFUSED)
)
def test_refused_in_one_line_that_names_the_file(tmp_path, name, write, said):
    write(tmp_path / name)
    for look in (decoded, lambda path: header(path) and decoded(path)):
        with pytest.raises(InputError) as caught:
            look(tmp_path / name)
        line = str(caught.value)
        assert line.isprintable()
        assert name.partition("\n")[0].partition("\x1b")[0].partition("\udcff")[0] in line
        assert said in line
        assert "mend or remove it" in line


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    even("RGB", RED)(tmp_path / "secret.png")

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied", "secret.png")

    monkeypatch.setattr("builtins.open", denied)
    with pytest.raises(InputError, match=r"secret.png cannot be read as an image .*Permission denied"):
        decoded(tmp_path / "secret.png")


def noisy(path, ending):
    """All values differ, so that a cut cannot go unnoticed."""
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **({"lossless": True} if ending == "webp" else {}))


@pytest.mark.filterwarnings("ignore")  # Pillow warns of what it then refuses
@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "gif", "webp", "tif", "ppm"])
def test_cut_off_anywhere_it_is_refused_or_whole(tmp_path, ending):
    """The last bytes of some formats say nothing of the pixels."""
    path = tmp_path / f"cut.{ending}"
    noisy(path, ending)
    data, whole = path.read_bytes(), decoded(path, 3, 12, 16)
    refused = 0
    for length in sorted({*range(0, len(data), len(data) // 12 + 1), *range(len(data) - 12, len(data))}):
        path.write_bytes(data[:length])
        try:
            assert torch.equal(decoded(path, 3, 12, 16), whole), length
        except InputError as error:
            assert str(error).isprintable()  # noqa: PT017
            refused += 1
    assert refused >= 11


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "gif", "webp", "tif", "ppm"])
def test_a_flipped_bit_is_refused_or_still_an_image(tmp_path, ending, request):
    path = tmp_path / f"flipped.{ending}"
    noisy(path, ending)
    data, draw = path.read_bytes(), np.random.default_rng(1)
    for _ in range(request.config.getoption("--trials") or 20):
        flipped = bytearray(data)
        flipped[draw.integers(min(len(data), 200))] ^= 1 << draw.integers(8)  # headers are the tender part
        path.write_bytes(flipped)
        for look in (header, lambda file: decoded(file, 3, 12, 16)):
            try:
                look(path)
            except InputError as error:
                assert str(error).isprintable()  # noqa: PT017


NAMES = [
    "with spaces", " leading and trailing ", "'single'", '"double"', "line\nbreak", "tab\there", "-leading-dash", "--help",
    "*?[a-z]", "$HOME", "~", "back\\slash", "per%cent", "a=b", "#hash", "{curly}", "caf\u00e9", "cafe\u0301", "日本語", "🦊",
    "\u202eright to left", "x" * 251, "é" * 125, os.fsdecode(b"no text \xff"), "dots...", "two  spaces", "[red]", "CON",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_of_a_file_will_do(tmp_path, name):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in range(5):
            even("RGB", (number, 0, 0))(tmp_path / label / f"{number}.png")
    even("RGB", (5, 0, 0))(tmp_path / "a" / f"{name}.png")
    data = ImageFolder(root=str(tmp_path), test_share=0.5)
    values = [split[torch.arange(len(split))][0][:, 0, 0, 0].tolist() for split in (data.train, data.test)]
    assert sorted(values[0] + values[1]) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5]


def test_the_split_does_not_depend_on_how_unicode_is_written(tmp_path):
    """A folder that comes from a Mac names its files in decomposed form."""
    tests = []
    for form, letter in (("composed", "\u00e9"), ("decomposed", "e\u0301")):
        for label in ("a", letter):
            (tmp_path / form / label).mkdir(parents=True)
            for number in range(20):
                even("L", number)(tmp_path / form / label / f"{letter}{number}.png")
        data = ImageFolder(root=str(tmp_path / form))
        assert data.class_names() == ("a", "\u00e9")
        tests.append(data.test[torch.arange(len(data.test))][0].flatten().tolist())
    assert tests[0] == tests[1]
