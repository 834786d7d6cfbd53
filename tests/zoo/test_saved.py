"""Trained networks on disk: read without executing anything."""

import pickle

import pytest
import torch
from sample import content_of_checkpoint

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import GCM
from gcm.zoo.saved import read_saved

SPEC = ImageSpec.of(1, 16, 3)


def write_checkpoint(path, **changed):
    network = GCM(SPEC, widths=(2, 3, 4))
    content = content_of_checkpoint(network)
    content["gcm"].update(changed)
    torch.save(content, path)
    return network


def test_a_network_comes_back_in_evaluation_mode(tmp_path):
    network = write_checkpoint(tmp_path / "last.ckpt").eval()
    again = read_saved(tmp_path).network()
    assert not again.training
    images = torch.rand(2, 1, 16, 16)
    assert torch.equal(network(images), again(images))
    assert read_saved(tmp_path / "last.ckpt").card.name == "gcm_digits"


def test_best_comes_before_last(tmp_path):
    write_checkpoint(tmp_path / "last.ckpt", seed=1)
    write_checkpoint(tmp_path / "best.ckpt", seed=2)
    assert read_saved(tmp_path).card.seed == 2


def test_weights_that_do_not_fit_their_config_are_refused(tmp_path):
    write_checkpoint(tmp_path / "last.ckpt", spec=ImageSpec.of(1, 16, 4).to_dict())
    with pytest.raises(InputError, match="does not hold the weights its config describes"):
        read_saved(tmp_path).network()


def test_a_config_cannot_build_what_is_not_ours(tmp_path):
    command = f"touch {tmp_path}/canary"
    config = {
        "model": {"_target_": "os.system", "command": command},
        "data": {"root": ""},
        "names": {"model": "a", "data": "b"},
    }
    write_checkpoint(tmp_path / "last.ckpt", config=config)
    with pytest.raises(InputError, match="must lie in gcm"):
        read_saved(tmp_path).network()
    assert not (tmp_path / "canary").exists()


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_is_never_executed(tmp_path, protocol):
    (tmp_path / "last.ckpt").write_bytes(pickle.dumps({"gcm": Canary(tmp_path / "canary")}, protocol))
    torch.save({"gcm": Canary(tmp_path / "canary"), "state_dict": {}}, tmp_path / "best.ckpt")
    for name in ("last.ckpt", "best.ckpt"):
        with pytest.raises(InputError, match="is not a checkpoint of this project"):
            read_saved(tmp_path / name)
    assert not (tmp_path / "canary").exists()
