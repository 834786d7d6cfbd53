"""The README is short, and everything that it shows works."""

import re

import pytest
from pages import PAGES, blocks, commands
from PIL import Image
from sample import ROOT

from gcm.zoo import list_models

README = PAGES[ROOT / "README.md"]
SHORTER = {
    "task=faithfulness": ("task.images=2", "task.noise_mask_images=1", "metric.grid_pointing.images=2"),
    "task=train": ("trainer.max_epochs=1",),
}
"""What is added to commands that take long; they do the same with less."""


@pytest.fixture
def photos(tmp_path):
    for name, brightness in (("dark", 60), ("bright", 190)):
        for number in range(10):
            path = tmp_path / "photos" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (80, 70), (brightness + number,) * 3).save(path)
    return tmp_path / "photos"


def test_it_is_short_and_has_the_two_commands():
    assert len(README.splitlines()) <= 200
    assert 'pip install -e . && python train.py\npip install -e ".[dev]" && pytest\n' in blocks(README, "bash")[0]
    assert len(re.findall(r"!\[", README)) == 1


@pytest.mark.slow
def test_every_command_works(train_py, photos, tmp_path):
    """In their order, since some use what an earlier one made."""
    pytest.importorskip("onnxscript")
    done = 0
    for words in commands("".join(blocks(README, "bash"))):
        filled_in = [word.replace("DIR", str(photos)).replace("RUN", str(tmp_path / "trained")) for word in words]
        added = [extra for word in words for extra in SHORTER.get(word, ())]
        output = ["output=trained"] if "task=train" in words else []
        end = train_py(*filled_in, *added, *output)
        assert end.code == 0, (words, end.err)
        done += 1
    assert done == README.count("\npython train.py ")
    assert done >= 9


def test_networks_in_the_tables_are_shipped():
    named = set(re.findall(r"^\| (\w+_(?:cifar10|mnist)) \|", README, re.MULTILINE))
    assert {"gcm_cifar10", "cnn_cifar10", "gcm_mnist"} <= named <= set(list_models())
