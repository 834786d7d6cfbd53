"""Files of strangers: opening one executes nothing, takes no memory that the file does not, and says in one line what is wrong."""

import json
import pickle
import re
import resource
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from sample import content_of_checkpoint

import gcm
from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import GCM
from gcm.zoo import read_saved
from gcm.zoo.catalogue import DIRECTORY
from gcm.zoo.weight import weights_hash
from gcm.zoo.weights_file import read_weights

SPEC = ImageSpec.of(1, 16, 3)
SHIPPED = DIRECTORY / "gcm_digits.safetensors"


class Canary:
    """A pickle that makes a file, if it is ever run."""

    def __init__(self, path: Path, how: str = "open") -> None:
        self.path, self.how = path, how

    def __reduce__(self):
        import os

        return {
            "open": (open, (str(self.path), "w")),
            "system": (os.system, (f"touch {self.path}",)),
            "exec": (exec, (f"open({str(self.path)!r}, 'w')",)),
        }[self.how]


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), "a stranger's code was run"


@pytest.fixture
def little_memory():
    """What is opened may take 2 GB more than is in use, no more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2 * 2**30, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def checkpoint(path: Path, change) -> Path:
    content = content_of_checkpoint(GCM(SPEC, widths=(2, 3, 4)))
    change(content)
    torch.save(content, path)
    return path


def refused(path: Path) -> str:
    """The one line that a file gets."""
    with pytest.raises(InputError) as caught:
        gcm.load(path)
    message = str(caught.value)
    assert "\n" not in message
    assert "\x1b" not in message
    assert len(message) < 1000
    return message


def test_the_checkpoint_that_the_others_are_changed_from_is_taken(tmp_path):
    assert gcm.load(checkpoint(tmp_path / "last.ckpt", lambda content: None)).card.name == "gcm_digits"


def weight(content: dict, tensor) -> None:
    name = next(name for name in content["state_dict"] if name.endswith("weight"))
    content["state_dict"][name] = tensor(content["state_dict"][name])


def config(content: dict, section: str, **changed) -> None:
    content["gcm"]["config"][section] = {**content["gcm"]["config"].get(section, {}), **changed}


def shared_list(depth: int) -> list:
    """A list that is few in a pickle and 2 to the power of `depth` when it is walked through."""
    inner: list = ["x"]
    for _ in range(depth):
        inner = [inner, inner]
    return inner


def deep_list(depth: int) -> list:
    inner: list = []
    for _ in range(depth):
        inner = [inner]
    return inner


STRANGE_CHECKPOINTS = {
    "half of a weight missing": (lambda c: weight(c, lambda w: w[:1]), "has the shape"),
    "a terabyte of one number": (lambda c: weight(c, lambda w: torch.ones(1).expand(10**6, 10**6)), "and fewer numbers"),
    "a sparse weight": (lambda c: weight(c, lambda w: w.to_sparse()), "is no plain tensor"),
    "a weight without numbers": (lambda c: weight(c, lambda w: w.to("meta")), "is no plain tensor|not a checkpoint"),
    "a quantized weight": (lambda c: weight(c, lambda w: torch.quantize_per_tensor(w, 0.1, 0, torch.qint8)), "is no plain tensor|not a checkpoint"),
    "whole numbers as weights": (lambda c: weight(c, lambda w: w.long()), "is of type torch.int64 instead of torch.float32"),
    "complex weights": (lambda c: weight(c, lambda w: w.to(torch.complex64)), "is of type torch.complex64"),
    "not a number": (lambda c: weight(c, lambda w: w.fill_(float("nan"))), "is not finite: the training diverged"),
    "infinity": (lambda c: weight(c, lambda w: w.fill_(float("inf"))), "is not finite"),
    "text as a weight": (lambda c: weight(c, lambda w: "text"), "is a str"),
    "a weight too many": (lambda c: c["state_dict"].update({"network.\x1b[31mred": torch.ones(1)}), r"\\x1b\[31mred belongs to no layer"),
    "no weights": (lambda c: c["state_dict"].clear(), "is missing"),
    "a list for weights": (lambda c: c.update(state_dict=[1, 2]), "not a checkpoint"),
    "no card": (lambda c: c.pop("gcm"), "not a checkpoint"),
    "another seed": (lambda c: c["gcm"].update(seed="0; rm -rf"), "seed"),
    "a field of its own": (lambda c: c["gcm"].update(__class__="os"), "__class__"),
    "a huge image": (lambda c: c["gcm"]["spec"].update(height=10**9), "spec"),
    "a fraction of a pixel": (lambda c: c["gcm"]["spec"].update(height=1.5), "spec.height"),
    "a mean that is none": (lambda c: c["gcm"]["spec"].update(mean=[float("nan")]), "spec.mean|not a checkpoint"),
    "an escape code as class": (lambda c: c["gcm"]["spec"].update(classes=["\x1b]0;x\x07", "b", "c"]), "printable"),
    "a line break as class": (lambda c: c["gcm"]["spec"].update(classes=["a\nb", "b", "c"]), "printable"),
    "a path as data set": (lambda c: config(c, "names", data="../../etc"), "letters, digits"),
    "a number as names": (lambda c: c["gcm"]["config"].update(names=3), "no section names"),
    "a longer text than there is": (lambda c: c["gcm"].update(machine="x" * 10**7), "at most 10000 characters"),
    "deeper than there is": (lambda c: c["gcm"]["config"].update(deep=deep_list(100)), "nested at most"),
    "more than there is": (lambda c: c["gcm"]["config"].update(many=shared_list(60)), "nested at most|at most 100000 values"),
    "a giant by its settings": (lambda c: config(c, "model", widths=[4096, 4096, 4096]), "has the shape"),
    "beyond its settings": (lambda c: config(c, "model", widths=[10**9, 2, 3]), "less than or equal to 4096"),
    "a command for a model": (lambda c: config(c, "model", _target_="os.system"), "must lie in gcm.model"),
    "a function for a model": (lambda c: config(c, "model", _target_="gcm.model.backbone.network_called"), "one of the classes that are a Classifier"),
    "a part for a model": (lambda c: config(c, "model", _target_="gcm.model.decoder.Decoder"), "one of the classes that are a Classifier"),
    "an unfinished model": (lambda c: config(c, "model", _target_="gcm.model.Classifier"), "one of the classes that are a Classifier"),
    "a secret": (lambda c: config(c, "model", conv_bias="${oc.env:SECRET}"), "must hold no"),
    "a secret in a card's text": (lambda c: c["gcm"].update(machine="${oc.env:SECRET}"), "must hold no"),
    "a resolver": (lambda c: config(c, "data", root="${oc.decode:${oc.env:SECRET}}"), "must hold no"),
    "an endless setting": (lambda c: config(c, "model", widths="${model.widths}"), "must hold no"),
    "a claim without a number": (lambda c: c["gcm"]["config"].update(claim={"source": "x"}), "claim"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
@pytest.mark.parametrize(("change", "message"), STRANGE_CHECKPOINTS.values(), ids=STRANGE_CHECKPOINTS)
def test_strange_checkpoints_get_one_line(tmp_path, monkeypatch, little_memory, change, message):
    monkeypatch.setenv("SECRET", "hunter2")
    said = refused(checkpoint(tmp_path / "last.ckpt", change))
    assert re.search(message, said), said
    assert "hunter2" not in said


@pytest.mark.parametrize("how", ["open", "system", "exec"])
@pytest.mark.parametrize("place", ["whole", "gcm", "state_dict", "callbacks", "persistent"])
def test_a_pickle_in_a_checkpoint_is_never_run(tmp_path, canary, how, place):
    evil = Canary(canary, how)
    path = tmp_path / "last.ckpt"
    if place == "whole":
        path.write_bytes(pickle.dumps(evil))
    elif place == "persistent":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps({"gcm": evil, "state_dict": {}}))
            archive.writestr("archive/version", "3")
            archive.writestr("archive/byteorder", "little")
    else:
        checkpoint(path, lambda content: content.update({place: evil}))
    assert "is not a checkpoint of this project" in refused(path)


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors", ".pt", ".npz", ""])
def test_a_pickle_under_any_name_is_never_run(tmp_path, canary, suffix):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(pickle.dumps(Canary(canary)))
    assert "is not a" in refused(path)


def test_a_program_of_torchscript_is_not_run(tmp_path, canary):
    path = tmp_path / "last.ckpt"
    checkpoint(path, lambda content: None)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("last/constants.pkl", pickle.dumps(Canary(canary)))
    assert "is not a checkpoint" in refused(path)


def test_an_archive_that_grows_is_not_unpacked(tmp_path, little_memory):
    plain = checkpoint(tmp_path / "plain.ckpt", lambda content: None)
    bomb = tmp_path / "bomb.ckpt"
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        for member in source.namelist():
            target.writestr(member, source.read(member))
        with target.open("plain/data/999", "w", force_zip64=True) as zeros:
            for _ in range(64):
                zeros.write(bytes(2**22))
    assert bomb.stat().st_size < 2**20
    assert "is not a checkpoint of this project (BadZipFile)" in refused(bomb)


def test_an_array_file_that_grows_is_not_unpacked(tmp_path):
    from gcm.cli.resume.study import read_arrays

    np.savez_compressed(tmp_path / "values.npz", zeros=np.zeros(10**7))
    with pytest.raises(InputError, match=r"cannot be read .*compressed"):
        read_arrays(tmp_path / "values.npz", torch.zeros(1), "start")


def test_a_pickle_in_an_array_file_is_never_run(tmp_path, canary):
    from gcm.cli.resume.study import read_arrays

    np.savez(tmp_path / "values.npz", images_sha256=np.array([Canary(canary)], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="cannot be read"):
        read_arrays(tmp_path / "values.npz", torch.zeros(1), "start")


def header_file(path: Path, header: bytes, data: bytes = b"", length: int | None = None) -> Path:
    path.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + data)
    return path


def header_of(**changed) -> bytes:
    """A header that says the truth, but for what is changed."""
    card, _ = read_weights(SHIPPED)
    tensors = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
    return json.dumps({"__metadata__": {"card": json.dumps(card.to_dict())}, **tensors, **changed}).encode()


LYING_HEADERS = {
    "longer than the file": (header_of(), 2**40),
    "longer than any header": (b"{" + b" " * 2**21 + b"}", None),
    "no JSON": (b"\x80\x04\x95", None),
    "a list": (b"[]", None),
    "deeper than a parser goes": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, None),
    "numbers beyond the file": (header_of(a={"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}), None),
    "a shape beyond its numbers": (header_of(a={"dtype": "F32", "shape": [10**12], "data_offsets": [0, 8]}), None),
    "a negative shape": (header_of(a={"dtype": "F32", "shape": [-2, -1], "data_offsets": [0, 8]}), None),
    "an overflowing shape": (header_of(a={"dtype": "F32", "shape": [2**33, 2**33], "data_offsets": [0, 8]}), None),
    "numbers before the file": (header_of(a={"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}), None),
    "a type that is none": (header_of(a={"dtype": "OBJECT", "shape": [2], "data_offsets": [0, 8]}), None),
    "weights that share their place": (header_of(b={"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}), None),
    "a weight that is named twice": (header_of().replace(b'"a":', b'"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "a":'), None),
    "no card": (json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode(), None),
    "a card that is no JSON": (header_of(__metadata__={"card": "!!python/object/apply:os.system [ls]"}), None),
    "a card of many levels": (header_of(__metadata__={"card": "[" * 100_000}), None),
    "a number as card": (header_of(__metadata__={"card": "3"}), None),
    "a card of nothing": (header_of(__metadata__={"card": "{}"}), None),
    "other metadata": (header_of(__metadata__={"card": {"config": 1}}), None),
}  # fmt: skip


@pytest.mark.parametrize(("header", "length"), LYING_HEADERS.values(), ids=LYING_HEADERS)
def test_lying_headers_get_one_line(tmp_path, little_memory, header, length):
    said = refused(header_file(tmp_path / "x.safetensors", header, bytes(8), length))
    assert "is not a weights file of this project" in said or "the weights are not those of its card" in said


def with_card(path: Path, change) -> Path:
    card, weights = read_weights(SHIPPED)
    fields = card.to_dict()
    change(fields, weights)
    safetensors.torch.save_file(weights, path, {"card": json.dumps(fields)})
    return path


STRANGE_CARDS = {
    "another hash": (lambda card, _: card.update(weights_sha256="0" * 64), "the weights are not those of its card"),
    "no hash": (lambda card, _: card.update(weights_sha256=None), "weights_sha256"),
    "an accuracy above one": (lambda card, _: card["tests"][0].update(accuracy=7), "tests.0.accuracy"),
    "text for a number": (lambda card, _: card.update(parameters="many"), "parameters"),
    "a field missing": (lambda card, _: card.pop("spec"), "spec"),
    "a field too many": (lambda card, _: card.update(extra=1), "extra"),
    "a test's field too many": (lambda card, _: card["tests"][0].update(extra=1), "tests"),
    "no classes": (lambda card, _: card["spec"].update(classes=[]), "spec"),
    "a mean that is no number": (lambda card, _: card["spec"].update(mean=[float("nan")]), "spec.mean"),
    "weights that are not finite": (lambda card, weights: weights["encoder.0.weight"].fill_(float("nan")), "is not finite"),
    "other weights": (lambda card, weights: weights.update(extra=torch.ones(1)), "the weights are not those of its card"),
    "a name in bold": (lambda card, _: card["config"]["names"].update(data="[bold]x"), "letters, digits"),
    "an escape code": (lambda card, _: card.update(machine="\x1b[2J"), "printable"),
    "writing backwards": (lambda card, _: card.update(machine="\u202egnp.exe"), "printable"),
    "a line that ends a list": (lambda card, _: card.update(overrides=["a\n# heading"]), "printable"),
    "a section that is none": (lambda card, _: card["config"].update(model=["gcm"]), "no section model"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), STRANGE_CARDS.values(), ids=STRANGE_CARDS)
def test_strange_cards_get_one_line(tmp_path, change, message):
    assert message in refused(with_card(tmp_path / "x.safetensors", change))


def test_numbers_of_eight_bits_are_no_weights(tmp_path):
    def eight_bits(card, weights):
        name = next(name for name in weights if name.endswith("weight"))
        weights[name] = weights[name].to(torch.float8_e4m3fn)
        card["weights_sha256"] = weights_hash(weights)

    assert "is of type torch.float8_e4m3fn" in refused(with_card(tmp_path / "x.safetensors", eight_bits))


def test_a_training_that_goes_on_deletes_nothing_of_others(tmp_path):
    """Lightning removes the checkpoint that its callback's state calls outdated, wherever it says that is."""
    for path in (
        "local:///home",
        "simplecache::file:///home",
        f"{tmp_path}/run/../precious.ckpt",
        "/etc/passwd",
        f"{tmp_path}/run/link/x.ckpt",
    ):
        for state in (
            {"best_model_path": path},
            {"best_k_models": {path: 1.0}},
            {"kth_best_model_path": path},
            {"last_model_path": path},
        ):
            own = {"dirpath": f"{tmp_path}/run", "best_model_path": f"{tmp_path}/run/best.ckpt", **state}
            run = checkpoint(
                tmp_path / "last.ckpt", lambda content, own=own: content.update(callbacks={"ModelCheckpoint": own})
            )
            assert "which is no checkpoint beside it" in refused(run)
    own = {
        "dirpath": f"{tmp_path}/run",
        "best_model_path": f"{tmp_path}/run/best.ckpt",
        "last_model_path": "",
        "best_k_models": {},
    }
    assert read_saved(
        checkpoint(tmp_path / "last.ckpt", lambda content: content.update(callbacks={"ModelCheckpoint": own}))
    )
