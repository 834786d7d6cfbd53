"""Data sets that are downloaded: by one process at a time, whole or not at all, from a server on this machine."""

import gzip
import hashlib
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from torchvision import datasets

from gcm.data import MNIST
from gcm.error import InputError

WAITING = r"waiting: (process \d+ on \S+|another process) downloads mnist"  # who has not said yet who it is
STEMS = [f"{split}-{kind}-ubyte" for split in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


def idx(values: np.ndarray) -> bytes:
    """MNIST's format."""
    header = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    return header + values.tobytes()


def files(images: int = 500) -> dict[str, bytes]:
    random = np.random.default_rng(0)
    content = {}
    for stem in STEMS:
        shape = (images, 28, 28) if "images" in stem else (images,)
        content[stem] = idx(random.integers(0, 256 if "images" in stem else 10, shape, dtype=np.uint8))
    return content


class Server(ThreadingHTTPServer):
    """Sends files by name, and counts how often; `stall`: one of them stops halfway until `go_on` is set."""

    def __init__(self, content: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.stall: str | None = None
        self.sent: Counter[str] = Counter()
        self.halfway, self.go_on = threading.Event(), threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.headers["Method"] == "HEAD":  # torchvision only asks where the file is
            self.send_response(200)
            self.end_headers()
            return
        name = self.path.removeprefix("/")
        content = self.server.content[name]
        self.server.sent[name] += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if name == self.server.stall:
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self.server.halfway.set()
            self.server.go_on.wait(60)
            self.server.stall = None
            content = content[len(content) // 2 :]
        with suppress(BrokenPipeError, ConnectionResetError):  # of a client that was killed
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(unpacked: dict[str, bytes]) -> Iterator[Server]:
    """A server with these files, packed as MNIST's own are."""
    with Server({f"{name}.gz": gzip.compress(content, 1) for name, content in unpacked.items()}) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.go_on.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def server():
    with served(files()) as server:
        yield server


@pytest.fixture
def from_server(server, monkeypatch):
    """The server in the place of MNIST's own, for this process."""
    monkeypatch.setattr(MNIST, "counts", (500, 500))
    monkeypatch.setattr(MNIST, "sha256", ("", ""))
    monkeypatch.setattr(datasets.MNIST, "mirrors", [server.url])
    monkeypatch.setattr(datasets.MNIST, "resources", resources(server))
    return server


def resources(server: Server) -> list[tuple[str, str]]:
    return [(name, hashlib.md5(content).hexdigest()) for name, content in server.content.items()]


def below(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def placed(root: Path, content: dict[str, bytes]) -> None:
    (root / "MNIST/raw").mkdir(parents=True)
    for name, data in content.items():
        (root / "MNIST/raw" / name).write_bytes(data)


def expected_labels() -> list[int]:
    return list(files()["t10k-labels-idx1-ubyte"][8:])


def test_a_download_leaves_the_data_and_nothing_else(from_server, tmp_path):
    assert MNIST(root=str(tmp_path)).test.labels.tolist() == expected_labels()
    assert below(tmp_path).keys() == {f"MNIST/raw/{name}{end}" for name in STEMS for end in ("", ".gz")}
    assert not [path for path in tmp_path.iterdir() if path.name != "MNIST"]


def test_where_all_is_there_nothing_is_written_and_nobody_waits(from_server, tmp_path, monkeypatch):
    placed(tmp_path, files())
    monkeypatch.setattr("gcm.data.torchvision_data.locked", pytest.fail)
    before = [(path, path.stat().st_mtime_ns) for path in sorted([tmp_path, *tmp_path.rglob("*")])]
    assert len(MNIST(root=str(tmp_path)).train) == 500
    assert [(path, path.stat().st_mtime_ns) for path in sorted([tmp_path, *tmp_path.rglob("*")])] == before


@pytest.mark.parametrize("damaged", [lambda content: content[:-100], lambda content: b""], ids=["cut off", "empty"])
@pytest.mark.parametrize("name", ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_half_unpacked_files_are_replaced(from_server, tmp_path, name, damaged):
    placed(tmp_path, files() | {name: damaged(files()[name])})
    assert MNIST(root=str(tmp_path)).test.labels.tolist() == expected_labels()
    assert below(tmp_path).items() >= {f"MNIST/raw/{stem}": content for stem, content in files().items()}.items()


def test_archives_brought_by_hand_are_unpacked_without_a_network(from_server, tmp_path):
    placed(tmp_path, from_server.content)
    assert MNIST(root=str(tmp_path)).test.labels.tolist() == expected_labels()
    assert not from_server.sent
    assert below(tmp_path).items() >= {f"MNIST/raw/{name}": data for name, data in from_server.content.items()}.items()


@pytest.mark.parametrize("wrong", ["another file", "gone"])
def test_a_download_that_fails_leaves_what_was_there(from_server, tmp_path, wrong):
    name = "t10k-images-idx3-ubyte"
    placed(tmp_path, files() | {name: files()[name][:-100]})
    before = below(tmp_path)
    if wrong == "another file":
        from_server.content["t10k-labels-idx1-ubyte.gz"] = b"not found"
    else:
        del from_server.content["t10k-labels-idx1-ubyte.gz"]
    with pytest.raises(InputError, match=r"mnist is not complete in .* and cannot be downloaded"):
        _ = MNIST(root=str(tmp_path)).test
    assert below(tmp_path) == before
    with pytest.raises(InputError, match=r"mnist is not complete in .* and cannot be downloaded"):
        _ = MNIST(root=str(tmp_path / "new/data")).test
    assert not (tmp_path / "new/data").exists()


READ = """
import multiprocessing, os, sys
from torchvision import datasets
from gcm.cli.console import say_notices
from gcm.data import MNIST
from gcm.zoo.weights_file import weights_hash

say_notices()
root, count, mirror, resources, small = (eval(word) for word in sys.argv[1:])
datasets.MNIST.mirrors, datasets.MNIST.resources = [mirror], resources
if small:
    MNIST.counts, MNIST.sha256 = (500, 500), ("", "")

def read(barrier):
    barrier.wait()
    data = MNIST(root=root)
    splits = {train: data.read(train) for train in (True, False)}
    tensors = {f"{train} {kind}": getattr(split, kind) for train, split in splits.items() for kind in ("images", "labels")}
    os.write(1, f"read: {weights_hash(tensors)}\\n".encode())  # in one piece

context = multiprocessing.get_context("fork")
barrier = context.Barrier(count)
jobs = [context.Process(target=read, args=(barrier,)) for _ in range(count - 1)]
for job in jobs:
    job.start()
read(barrier)
for job in jobs:
    job.join()
"""


def reading(root: Path, server: Server, count: int = 1) -> subprocess.Popen[str]:
    """So many processes that read all of MNIST at the same moment."""
    small = len(server.content["t10k-labels-idx1-ubyte.gz"]) < 2000
    words = map(repr, (str(root), count, server.url, resources(server), small))
    command = [sys.executable, "-c", READ, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check_all_read_the_same(root: Path, server: Server, count: int) -> None:
    with reading(root / "shared", server, count) as together:
        out, err = together.communicate(timeout=300)
    assert "Traceback" not in err, err
    lines = out.splitlines()
    read = [line for line in lines if line.startswith("read: ")]
    waited = [line for line in lines if re.fullmatch(WAITING, line)]
    assert len(read) == count, out
    assert len(waited) == len(lines) - count <= count - 1, out
    assert set(server.sent.values()) == {1}
    with reading(root / "alone", server) as alone:
        assert set(read) == {line.rstrip() for line in alone.stdout}
    assert below(root / "shared") == below(root / "alone")
    assert [path.name for path in (root / "shared").iterdir()] == ["MNIST"]


@pytest.mark.slow
def test_many_processes_download_once_and_read_the_same(server, tmp_path):
    check_all_read_the_same(tmp_path, server, count=8)


@pytest.mark.slow
def test_a_download_that_is_killed_is_begun_again_by_who_waits(server, tmp_path):
    server.stall = "t10k-images-idx3-ubyte.gz"
    with reading(tmp_path, server) as killed:
        assert server.halfway.wait(60)
        waiting = reading(tmp_path, server)
        assert re.fullmatch(r"waiting: process \d+ on \S+ downloads mnist\n", waiting.stdout.readline())
        assert not (tmp_path / "MNIST").exists()
        killed.kill()
        server.go_on.set()
        out, err = waiting.communicate(timeout=60)
    assert out.startswith("read: ")
    assert "Traceback" not in err, err
    assert server.sent["t10k-images-idx3-ubyte.gz"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["MNIST"]
    assert below(tmp_path).items() >= {f"MNIST/raw/{stem}": content for stem, content in files().items()}.items()


@pytest.mark.real_data
def test_many_processes_download_the_real_mnist_once(tmp_path):
    raw = Path(os.environ["GCM_DATA"]) / "MNIST/raw"
    with served({name: (raw / name).read_bytes() for name in STEMS}) as server:
        check_all_read_the_same(tmp_path, server, count=8)
