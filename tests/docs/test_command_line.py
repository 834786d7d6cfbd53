"""The command line's commands that need no download: each in an empty directory, without any data set and without a network."""

import re
import shlex
import socket
from importlib.metadata import distributions

import pytest
from sample import ROOT

PAGE = (ROOT / "docs" / "command_line.md").read_text()
NO_DOWNLOAD = "These run on what comes with the package"
QUICK = ("task=why", "task=filters", "task=regions", "task=test")
SHORTER = {
    "task=faithfulness": ("task.noise_mask_images=1", *(f"metric.{name}.images=2" for name in (
        "deletion", "insertion", "completeness", "sparseness", "stability", "randomization", "grid_pointing"))),
    "task=evolution": ("task.images=50", "task.images_per_class=2", "task.animation=false"),
    "task=train": ("trainer.max_epochs=3",),
    "task=filter_images": ("task.steps=5",),
    "sweep=optuna": ("hydra.sweeper.n_trials=1",),
}  # fmt: skip
"""What is added to commands that take long; they do the same with less."""
EXTRAS = {"sweep=joblib": "hydra-joblib-launcher", "sweep=optuna": "hydra-optuna-sweeper", "task=export": "onnxscript"}
"""What a command needs besides; without it, it is left out."""


def commands():
    """Of the first block after that sentence, without comments."""
    block = re.search(r"```bash\n(.*?)```", PAGE[PAGE.index(NO_DOWNLOAD) :], re.DOTALL)[1]
    return [tuple(shlex.split(line, comments=True)[2:]) for line in block.splitlines()]


def installed(name):
    return any(distribution.name.lower().replace("_", "-") == name for distribution in distributions())


COMMANDS = commands()


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.delenv("GCM_DATA", raising=False)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a command wants to use the network"))


def test_filters_regions_and_reasons_have_a_network_that_needs_no_download():
    words = {word for command in COMMANDS for word in command}
    assert {"task=why", "task=filters", "task=regions", "task=filter_images", "task=noise_mask"} <= words
    for word in words:
        assert not re.search(r"mnist|cifar|svhn|\bRUN\b|\bDIR\b", word), word
    assert len(COMMANDS) == PAGE.split(NO_DOWNLOAD)[1].split("```")[1].count("\npython train.py")


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[0] in QUICK], ids=" ".join)
def test_filters_regions_and_reasons_without_a_download(train_py, offline, tmp_path, words):
    end = train_py(*words, "output=out")
    assert end.code == 0, end.err
    if words[0] != "task=test":
        assert list((tmp_path / "out").glob("*.png"))
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Optuna's own
def test_every_command_works_without_a_download(train_py, offline, tmp_path):
    """In their order, since some use what an earlier one made."""
    for words in COMMANDS:
        if any(word in words and not installed(extra) for word, extra in EXTRAS.items()):
            continue
        added = [extra for word in words for extra in SHORTER.get(word, ())]
        end = train_py(*words, *added)
        assert end.code == 0, (words, end.err)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("task", ["why", "filters", "regions"])
def test_without_further_settings_images_and_regions_fit_the_data(train_py, offline, tmp_path, task):
    """139 images of the rarest class are all there are; of up to 14 regions in a row 8 divide 32 pixels."""
    end = train_py(f"task={task}", "weights=tiny_lenet_digits", "output=out", *(["count=1"] if task == "why" else []))
    assert end.code == 0, end.err
    if task == "regions":
        assert len((tmp_path / "out/importance.csv").read_text().splitlines()) == 1 + 10 * 8 * 8
        assert '"images_per_class": 139' in (tmp_path / "out/study.json").read_text()
