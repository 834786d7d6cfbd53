"""Exported files compute what the network does, on any number of images, without our code."""

import json

import onnx
import onnxruntime
import pytest
import torch
from sample import NETWORKS, images_of, randomized

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
