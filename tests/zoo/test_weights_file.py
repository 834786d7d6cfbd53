"""Weights files: the same network and card give the same bytes."""

import hashlib
import subprocess
import sys

import pytest

import gcm
from gcm.zoo.catalogue import DIRECTORY, shipped_file
from gcm.zoo.weights_file import SUFFIX, read_weights, write_weights

TIMES = 20
"""So often by chance only once in half a million times, were each of two orders as likely as the other."""
WRITE = """
import sys
from pathlib import Path
from gcm.zoo.catalogue import shipped_file
from gcm.zoo.weights_file import read_weights, write_weights
card, weights = read_weights(shipped_file("tiny_lenet_mnist"))
write_weights(Path(sys.argv[1]), weights, card)
"""


def test_twenty_writings_are_one_file(tmp_path):
    card, weights = read_weights(shipped_file("tiny_lenet_mnist"))
    found = set()
    for number in range(TIMES):
        path = tmp_path / f"{number}.safetensors"
        write_weights(path, dict(sorted(weights.items(), reverse=number % 2 == 1)), card)
        found.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(found) == 1


@pytest.mark.slow
def test_twenty_processes_write_one_file(tmp_path):
    found = set()
    for number in range(TIMES):
        path = tmp_path / f"{number}.safetensors"
        subprocess.run([sys.executable, "-c", WRITE, str(path)], check=True)
        found.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(found) == 1


@pytest.mark.parametrize("name", gcm.list_models("*mnist"))
def test_what_is_shipped_is_read_and_written_again(name, tmp_path):
    """Files that were written with a second entry in their metadata, as all that are shipped."""
    card, weights = read_weights(DIRECTORY / f"{name}{SUFFIX}")
    write_weights(tmp_path / "again.safetensors", weights, card)
    again, same = read_weights(tmp_path / "again.safetensors")
    assert again == card
    assert all(same[key].equal(tensor) for key, tensor in weights.items())
