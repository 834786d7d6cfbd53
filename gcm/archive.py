"""Zip archives of numbers, as PyTorch and NumPy write them: nothing in them is compressed."""

from pathlib import Path
from zipfile import ZIP_STORED, BadZipFile, ZipFile


def check_archive(path: Path) -> None:
    """Raise `BadZipFile` unless `path` is an archive that grows no larger when it is read."""
    with ZipFile(path) as archive:
        members = archive.infolist()
    if any(member.compress_type != ZIP_STORED for member in members):
        raise BadZipFile("what is in it is compressed")
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise BadZipFile("what is in it is larger than the file")
