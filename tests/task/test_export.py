"""Exported files compute what the network does, on any number of images, without our code."""

import getpass
import json
import platform
import re
import socket
import zipfile

import onnx
import onnxruntime
import pytest
import torch
from sample import NETWORKS, ROOT, images_of, randomized

import gcm
from gcm.data import Digits, ImageSpec
from gcm.model import GCMBackbone, Interpretable
from gcm.zoo.exported import FIRST_TORCH_FOR_ONNX, READERS, WRITERS, WithContributions

needs_onnx = pytest.mark.skipif(torch.__version__ < FIRST_TORCH_FOR_ONNX, reason="this torch writes no ONNX")


@pytest.mark.slow
@needs_onnx
@pytest.mark.parametrize("name", ["gcm", "gcm_per_class", "gcm_clipped", "tiny_lenet", "gcm_backbone"])
@pytest.mark.parametrize("form", WRITERS)
def test_logits_and_contributions(form, name, tmp_path):
    spec = ImageSpec.of(1, 28, 3) if "lenet" in name else ImageSpec.of(3, 32, 3)
    network = GCMBackbone(spec, "mobilenet_v3_small") if name == "gcm_backbone" else randomized(NETWORKS[name](spec))
    network.eval()
    assert isinstance(network, Interpretable)
    WRITERS[form](network, gcm.load("gcm_digits").card, tmp_path / "file")
    computed = READERS[form](tmp_path / "file")
    for count in (1, 5):
        images = images_of(spec, count)
        with torch.no_grad():
            expected = WithContributions(network)(images)
        for found, wanted in zip(computed(images), expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@needs_onnx
def test_the_task(train_py, tmp_path):
    end = train_py("task=export", "weights=gcm_digits", "output=out")
    assert end.code == 0, end.err
    path = tmp_path / "out/gcm_digits.onnx"
    model = onnx.load(path)
    onnx.checker.check_model(model)
    card = json.loads({entry.key: entry.value for entry in model.metadata_props}["card"])
    assert card["seed"] == gcm.load("gcm_digits").card.seed
    images, labels = Digits().test[torch.arange(360)]
    session = onnxruntime.InferenceSession(str(path))
    logits, contributions = session.run(None, {"images": (images.float() / 255).numpy()})
    assert contributions.shape == (360, 10, 1, 32, 32)
    assert contributions.sum((2, 3, 4)) == pytest.approx(logits, rel=1e-3, abs=1e-4)
    assert (logits.argmax(1) == labels.numpy()).mean() > 0.99
    assert (tmp_path / "out/gcm_digits.pt2").is_file()


def contents(path):
    """All bytes of a file, of an archive unpacked."""
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return b"\n".join(name.encode() + b"\n" + archive.read(name) for name in archive.namelist())


def card_in(path):
    if path.suffix == ".pt2":
        with zipfile.ZipFile(path) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith("extra/card"))
            return json.loads(archive.read(name))
    return json.loads({entry.key: entry.value for entry in onnx.load(path).metadata_props}["card"])


@needs_onnx
def test_files_say_what_the_network_is_and_nothing_of_the_machine(train_py, tmp_path):
    """Of a training of one's own, which no card was published of."""
    words = ("model.widths=[2,3,4]", "trainer.max_epochs=1", "+trainer.limit_train_batches=2", "data.root=my_own_data")
    assert train_py("task=train", *words, "output=run").code == 0
    end = train_py("task=export", "weights=run", "output=out")
    assert end.code == 0, end.err
    network = gcm.load(tmp_path / "run")
    machine = network.card.machine
    own = [
        str(ROOT),
        str(tmp_path),
        "my_own_data",
        "site-packages",
        socket.gethostname(),
        f"/{getpass.getuser()}/",
        "max_epochs=1",
        machine,
        platform.node(),
    ]
    for ending in ("onnx", "pt2"):
        path = tmp_path / f"out/gcm_digits.{ending}"
        written = contents(path)
        assert [text for text in own if text and text.encode() in written] == []
        assert re.findall(rb"[ -~]{0,40}\.py\b|\"(?:/|[A-Z]:)[\w./-]{3,}", written) == []
        card = card_in(path)
        assert (card["complete"], card["signed"]) == (True, True)
        assert (card["parameters"], card["macs"]) == (network.parameter_count(), network.multiplications())
        assert card["completeness_residual"] < 1e-4
        assert (card["machine"], card["measured_on"], card["overrides"]) == ("", "", [])
        assert card["tests"][0]["images"] == 360
        assert card["weights_sha256"] == network.card.weights_sha256


@needs_onnx
def test_what_was_published_of_a_network_stays(train_py, tmp_path):
    assert train_py("task=export", "weights=gcm_digits", "task.formats=[onnx]", "output=out").code == 0
    card, published = card_in(tmp_path / "out/gcm_digits.onnx"), gcm.load("gcm_digits").card.to_dict()
    assert {name for name in card if card[name] != published[name]} <= {"config", "overrides", "machine", "measured_on"}


def test_what_the_task_refuses(train_py):
    assert "cnn_digits does not" in train_py("task=export", "weights=cnn_digits").error
    assert (
        "task.formats: item 0 must be" in train_py("task=export", "weights=gcm_digits", "task.formats=[tflite]").error
    )


@needs_onnx
def test_a_file_that_differs_is_refused(train_py, tmp_path):
    words = ("task=export", "weights=gcm_digits", "task.formats=[onnx]", "output=out")
    assert "gcm_digits.onnx would differ by" in train_py(*words, "task.tolerance=1e-12").error
    assert not (tmp_path / "out").exists()


def test_without_onnx_an_older_torch_still_writes_its_own_format(train_py, tmp_path, monkeypatch):
    monkeypatch.setattr("gcm.zoo.exported.FIRST_TORCH_FOR_ONNX", "99")
    words = ("task=export", "weights=gcm_digits", "output=out")
    assert "task.formats=[onnx] needs torch 99 or newer, got" in train_py(*words).error
    assert not (tmp_path / "out").exists()
    assert train_py(*words, "task.formats=[torch]").code == 0
