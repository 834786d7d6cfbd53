"""Files appear whole or not at all."""

import os
from pathlib import Path

import pytest

from gcm.atomic_write import remove_partial_files, write_text, write_whole


def test_what_is_half_written_is_never_seen(tmp_path):
    path = tmp_path / "table.csv"
    write_text(path, "old")
    seen = []

    def write(partial):
        partial.write_text("ne")
        seen.append((path.read_text(), partial.parent == path.parent, partial.suffix))
        raise MemoryError

    with pytest.raises(MemoryError):
        write_whole(path, write)
    assert seen == [("old", True, ".csv")]
    assert list(path.parent.iterdir()) == [path]
    write_text(path, "new")
    assert path.read_text() == "new"


def test_the_disk_holds_the_content_before_the_name(tmp_path, monkeypatch):
    order, fsync, replace = [], os.fsync, Path.replace
    monkeypatch.setattr(
        os, "fsync", lambda number: (order.append(os.readlink(f"/proc/self/fd/{number}")), fsync(number))
    )
    monkeypatch.setattr(Path, "replace", lambda self, to: (order.append("renamed"), replace(self, to))[1])
    write_text(tmp_path / "a.txt", "a")
    assert order == [str(tmp_path / f".a.{os.getpid()}.partial.txt"), "renamed", str(tmp_path)]


def test_what_a_killed_process_left_is_removed(tmp_path):
    kept = [tmp_path / name for name in ("a.csv", ".hidden", "inner/partial.csv")]
    left = [tmp_path / name for name in (".a.1.partial.csv", "inner/.last.23.partial.ckpt", ".noend.4.partial")]
    for path in (*kept, *left):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    remove_partial_files(tmp_path)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(kept)
