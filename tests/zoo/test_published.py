"""Shipped networks: names, cards, checksums; and what a stranger's file must not do."""

import csv
import json
import runpy
import shutil
import struct
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch
from sample import ROOT

import gcm
from gcm.error import InputError
from gcm.model import Interpretable
from gcm.zoo import cards, read_saved
from gcm.zoo.catalogue import DIRECTORY, SUMS, checksums, file_hash, shipped_file, sums_text
from gcm.zoo.weights_file import read_card, read_weights, weights_hash

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


@pytest.mark.slow
def test_a_built_wheel_brings_its_weights(tmp_path):
    """Built, installed in another environment (which sees only this one's other packages), loaded away from here."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT], check=True)
    (wheel,) = tmp_path.glob("gcm-*.whl")
    assert f"gcm/zoo/weights/{NAMES[0]}.safetensors" in zipfile.ZipFile(wheel).namelist()
    venv.create(tmp_path / "venv", with_pip=False)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", site, wheel], check=True)
    (site / "others.pth").write_text(str(Path(torch.__file__).parents[1]) + "\n")
    code = "import gcm, torch; n = gcm.load('gcm_digits'); print(gcm.__file__); print(n.card.name, n(torch.rand(1, *n.spec.shape)).shape)"
    python = tmp_path / "venv" / "bin" / "python"
    said = subprocess.run([python, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert said.splitlines() == [str(site / "gcm" / "__init__.py"), "gcm_digits torch.Size([1, 10])"]


def test_a_run_directory_has_a_card_too(train_py, tmp_path):
    finished = train_py(
        "task=train", "model=cnn", "trainer.max_epochs=1", "+trainer.limit_train_batches=2", "output=run"
    )
    assert finished.code == 0, finished.err
    card = gcm.load(tmp_path / "run").card
    assert (card.name, card.seed, card.epochs, card.steps, card.tests) == ("cnn_digits", 0, 1, 2, ())
    assert card.training_seconds > 0
    assert "model=cnn" in card.command
    assert "output" not in card.command


def test_publishing_and_verifying(train_py, tmp_path):
    for seed in (0, 1):
        run = f"run{seed}"
        train_py(
            "experiment=gcm_digits", "model.widths=[2,3,4]", "trainer.max_epochs=1", f"seed={seed}", f"output={run}"
        )
    assert train_py("task=publish", "weights=[run0,run1]", "task.directory=published").code == 0
    path = tmp_path / "published" / "gcm_digits.safetensors"
    card = read_card(path)
    assert [test.seed for test in card.tests] == [0, 1]
    assert card.tests[0].low < card.tests[0].accuracy < card.tests[0].high
    assert card.complete
    assert card.completeness_residual < 1e-4
    assert sums_text(path.parent) == (path.parent / SUMS).read_text()
    assert train_py("task=verify", f"weights={path}").code == 0
    error = train_py("task=verify", f"weights={path}", "data.test_share=0.5").error
    assert "unknown setting" in error or "test images" in error


def test_publishing_refuses_runs_of_different_trainings(train_py):
    for number, words in enumerate((["seed=0"], ["seed=1", "optimizer.lr=0.1"])):
        train_py("task=train", "trainer.max_epochs=1", "+trainer.limit_train_batches=1", *words, f"output=run{number}")
    assert "differ in their seed only" in train_py("task=publish", "weights=[run0,run1]").error
    assert "different seeds" in train_py("task=publish", "weights=[run0,run0]").error


def test_publishing_refuses_what_is_not_a_finished_run(train_py, tmp_path):
    assert "leave out data.val_size=" in train_py("task=publish", "weights=gcm_digits", "data.val_size=9").error
    assert "is published already" in train_py("task=publish", "weights=gcm_digits").error
    train_py("task=train", "trainer.max_epochs=1", "+trainer.limit_train_batches=1", "output=run")
    (tmp_path / "file").write_text("")
    assert "cannot be made" in train_py("task=publish", "weights=run", "task.directory=file/x").error
    (tmp_path / "run" / "result.json").unlink()
    assert "belongs to no finished training" in train_py("task=publish", "weights=run").error


def test_publishing_refuses_a_step_of_a_training_and_one_that_was_taken_up_again(train_py, tmp_path, monkeypatch):
    words = ("task=train", "model=tiny_lenet", "schedule=constant", "+trainer.limit_train_batches=1")
    assert train_py(*words, "trainer.max_epochs=2", "checkpoint.every_n_steps=1", "output=run").code == 0
    assert "is a training half done" in train_py("task=publish", "weights=run/step_1.ckpt").error

    def stop(module):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("gcm.training.module.ClassifierTraining.on_train_epoch_start", stop)
        train_py("task=train", "resume=run", "trainer.max_epochs=9")
    assert "belongs to no finished training" in train_py("task=publish", "weights=run").error


def test_a_resumed_training_keeps_its_command(train_py, tmp_path):
    words = ["task=train", "model=cnn", "schedule=constant", "+trainer.limit_train_batches=2"]
    train_py(*words, "trainer.max_epochs=1", "output=run")
    assert train_py("task=train", "resume=run", "trainer.max_epochs=2").code == 0
    card = gcm.load(tmp_path / "run").card
    assert card.command == f"python train.py {' '.join(words)} trainer.max_epochs=1 trainer.max_epochs=2"
    assert card.config["resume"] is None


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


def test_nothing_verified_is_an_error(train_py, monkeypatch):
    monkeypatch.setattr("gcm.task.verify.cards", dict)
    assert "nothing could be verified" in train_py("task=verify").error


def test_verify_says_what_a_card_got_wrong(train_py, tmp_path):
    """A card whose accuracy is not what the weights give."""
    card, weights = read_weights(DIRECTORY / "gcm_digits.safetensors")
    plain = card.to_dict()
    plain["tests"][0]["accuracy"] = 0.5
    safetensors.torch.save_file(weights, tmp_path / "wrong.safetensors", {"card": json.dumps(plain)})
    assert "its card says 0.5000" in train_py("task=verify", "weights=wrong.safetensors").error


@pytest.mark.parametrize(
    "path", sorted((ROOT / "gcm/zoo/results").glob("faithfulness_*.csv")), ids=lambda path: path.stem
)
def test_measured_faithfulness_is_that_of_the_shipped_weights(path):
    with path.open() as lines:
        (named,) = {row["weights"] for row in csv.DictReader(lines)}
    first_seeds = [name for name in named.split(", ") if "_seed0_" in name]
    assert first_seeds
    for name in first_seeds:
        network, _, digits = name.partition("_seed0_")
        assert cards()[network].weights_sha256.startswith(digits)


@pytest.mark.parametrize("name", ["calibration", "covered", "unlike"])
def test_measured_uncertainty_is_that_of_the_shipped_weights(name):
    with (ROOT / f"gcm/zoo/results/{name}.csv").open() as lines:
        measured = {(row["network"], row["weights_sha256"]) for row in csv.DictReader(lines)}
    networks = ("lab_cnn", "mc_dropout_cnn", "bayesian_cnn")
    assert measured == {(network, cards()[f"{network}_mnist"].weights_sha256) for network in networks}
