"""The README is short, and everything that it shows works."""

import re

import pytest
from pages import DOCS, PAGES, blocks, commands
from PIL import Image
from sample import ROOT

from gcm.zoo import list_models

README = PAGES[ROOT / "README.md"]
COMMANDS = commands("".join(blocks(README, "bash")))
TESTED_ELSEWHERE = commands(PAGES[DOCS / "command_line.md"])


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
    with_names = [words for words in COMMANDS if re.search(r"\b(DIR|RUN)\b", " ".join(words))]
    assert len(with_names) == 3
    assert all(words in TESTED_ELSEWHERE for words in COMMANDS if words not in with_names)
    for words in with_names:
        filled_in = [word.replace("DIR", str(photos)).replace("RUN", str(tmp_path / "trained")) for word in words]
        added = ["trainer.max_epochs=1", "output=trained"] if "task=train" in words else []
        end = train_py(*filled_in, *added)
        assert end.code == 0, (words, end.err)
    assert len(COMMANDS) == README.count("\npython train.py ") >= 9


def test_networks_in_the_tables_are_shipped():
    named = set(re.findall(r"^\| (\w+_(?:cifar10|mnist)) \|", README, re.MULTILINE))
    assert {"gcm_cifar10", "cnn_cifar10", "gcm_mnist"} <= named <= set(list_models())
