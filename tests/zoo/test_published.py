"""Shipped networks: names, cards, checksums; and what a stranger's file must not do."""

import json
import runpy
import shutil
import struct
import subprocess

import pytest
import safetensors.torch
import torch
from sample import ROOT

import gcm
from gcm.error import InputError
from gcm.model import Interpretable
from gcm.zoo import cards, read_saved
from gcm.zoo.catalogue import DIRECTORY, SUMS, checksums, file_hash, shipped_file, sums_text
from gcm.zoo.weights_file import read_weights, weights_hash

NAMES = gcm.list_models()


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_network_is_ready_to_use(name):
    network = gcm.load(name)
    card = network.card
    assert not network.training
    assert card.name == name
    assert network(torch.rand(2, *card.spec.shape)).shape == (2, len(card.spec.classes))
    assert card.parameters == network.parameter_count()
    assert card.macs == network.multiplications()
    assert card.complete == isinstance(network, Interpretable)
    assert card.completeness_residual is None or card.completeness_residual < 1e-4
    experiment = card.command.split()[2].removeprefix("experiment=")
    assert experiment in (name, "lab")
    assert (ROOT / "configs" / "experiment" / f"{experiment}.yaml").is_file()
    with pytest.raises(InputError, match="takes float images"):
        network(torch.rand(2, 7, 32, 32))


@pytest.mark.parametrize("name", NAMES)
def test_a_card_page_is_written_from_its_card(name):
    from gcm.report.card import card_page

    assert (DIRECTORY / f"{name}.md").read_text() == card_page(cards()[name])


def test_files_are_small_and_as_published():
    assert (DIRECTORY / SUMS).read_text() == sums_text(DIRECTORY)
    assert all(path.stat().st_size < 1_000_000 for path in DIRECTORY.iterdir())
    assert all("/" not in str(card.config["data"]["root"]) for card in cards().values())


def test_models_are_listed_by_pattern_data_set_architecture_and_kind():
    assert {"gcm_digits", "cnn_digits"} <= set(gcm.list_models(data="digits"))
    assert set(gcm.list_models("gcm*", architecture="gcm")) <= set(gcm.list_models("gcm*"))
    assert "cnn_digits" not in gcm.list_models(complete=True)
    assert "gcm_digits" in gcm.list_models(complete=True, signed=True, data="digits")
    with pytest.raises(InputError, match=r"no shipped network has data='imagenet'; there are .*digits"):
        gcm.list_models(data="imagenet")


def test_unknown_names_get_the_nearest():
    with pytest.raises(InputError, match=r"gcm_digit: no such .*did you mean gcm_digits"):
        gcm.load("gcm_digit")


def test_a_name_that_is_also_a_path_is_no_guess(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gcm_digits").mkdir()
    with pytest.raises(InputError, match="is a shipped network and also a path here"):
        gcm.load("gcm_digits")


def test_a_copy_of_a_weights_file_loads_by_its_path(tmp_path):
    shutil.copy(DIRECTORY / "gcm_digits.safetensors", tmp_path / "mine.safetensors")
    images = torch.rand(3, *gcm.load("gcm_digits").spec.shape)
    assert torch.equal(gcm.load(tmp_path / "mine.safetensors")(images), gcm.load("gcm_digits")(images))


def test_a_shipped_file_that_was_changed_is_refused(tmp_path):
    for name in ("gcm_digits.safetensors", SUMS):
        shutil.copy(DIRECTORY / name, tmp_path)
    path = tmp_path / "gcm_digits.safetensors"
    assert shipped_file("gcm_digits", tmp_path) == path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="is not the file that was published"):
        shipped_file("gcm_digits", tmp_path)
    with pytest.raises(InputError, match="the weights are not those of its card"):
        read_weights(path)


@pytest.mark.parametrize("content", [b"", b"\x80\x04.", struct.pack("<Q", 2**60), b"\x02" + bytes(7) + b"{}"])
def test_what_is_no_weights_file_is_refused(tmp_path, content):
    path = tmp_path / "strange.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is not a weights file of this project"):
        read_saved(path)


def test_a_card_cannot_build_what_is_not_ours(tmp_path):
    card, weights = read_weights(DIRECTORY / "gcm_digits.safetensors")
    config = {**card.config, "model": {"_target_": "os.system", "command": f"touch {tmp_path}/canary"}}
    metadata = {"card": json.dumps({**card.to_dict(), "config": config})}
    safetensors.torch.save_file(weights, tmp_path / "hostile.safetensors", metadata)
    with pytest.raises(InputError, match=r"must lie in gcm\.model"):
        gcm.load(tmp_path / "hostile.safetensors")
    assert not (tmp_path / "canary").exists()


def test_the_hash_knows_names_types_shapes_and_values():
    plain = {"a": torch.zeros(4)}
    others = [{"b": torch.zeros(4)}, {"a": torch.zeros(2, 2)}, {"a": torch.zeros(4).int()}, {"a": torch.ones(4)}]
    assert len({weights_hash(weights) for weights in [plain, *others]}) == 5
    assert weights_hash(plain) == weights_hash({"a": torch.zeros(8)[::2]})


def test_checksums_are_those_of_the_program_sha256sum():
    subprocess.run(["sha256sum", "--check", "--quiet", SUMS], cwd=DIRECTORY, check=True)
    assert all(file_hash(DIRECTORY / name) == digest for name, digest in checksums(DIRECTORY).items())


def test_the_hub_offers_every_shipped_network():
    offered = runpy.run_path(str(ROOT / "hubconf.py"))
    assert [name for name, entry in offered.items() if callable(entry) and not name.startswith("_")] == NAMES
    assert "card" in offered["gcm_digits"].__doc__
    assert not torch.hub.load(str(ROOT), "gcm_digits", source="local").training


@pytest.mark.parametrize("name", ["a" * 300, "~nosuchuser/x"])
def test_names_that_are_no_paths_either(name):
    with pytest.raises(InputError):
        gcm.load(name)


@pytest.mark.parametrize("names", [{"model": "../x", "data": "digits"}, {"model": "gcm", "data": "![x](y)"}, {}])
def test_a_card_with_a_name_that_is_more_than_a_name_is_refused(tmp_path, names):
    card, weights = read_weights(DIRECTORY / "gcm_digits.safetensors")
    metadata = {"card": json.dumps({**card.to_dict(), "config": {**card.config, "names": names}})}
    safetensors.torch.save_file(weights, tmp_path / "hostile.safetensors", metadata)
    with pytest.raises(InputError, match="is not a weights file"):
        gcm.load(tmp_path / "hostile.safetensors")
