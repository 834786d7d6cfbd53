"""What a command does with a GPU, on a machine that only seems to have one."""

import os

import pytest
import torch
from omegaconf import OmegaConf

from gcm.cli.device import compute_alike_every_time, device_of, machine


@pytest.fixture
def gpu(monkeypatch):
    """The answers of a GPU, and PyTorch's settings as they are when it starts."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "Some GPU")
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    before = settings()
    use(True, True, True, False)
    yield
    use(*before)


def settings():
    return *tf32(), torch.utils.deterministic.fill_uninitialized_memory, torch.are_deterministic_algorithms_enabled()


def use(convolutions, products, filled, deterministic):
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = convolutions, products
    torch.utils.deterministic.fill_uninitialized_memory = filled
    torch.use_deterministic_algorithms(deterministic)


def tf32():
    return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32


def config(**trainer):
    return OmegaConf.create({"trainer": {"accelerator": "auto", **trainer}}, flags={"struct": True})


def test_on_a_gpu_everything_is_exact_and_alike(gpu):
    compute_alike_every_time(config())
    assert device_of(config()).type == "cuda"
    assert tf32() == (False, False)
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


@pytest.mark.parametrize(("deterministic", "alike"), [(False, False), (True, True), (None, True)])
def test_deterministic_algorithms_can_be_waived(gpu, deterministic, alike):
    compute_alike_every_time(config(deterministic=deterministic))
    assert torch.are_deterministic_algorithms_enabled() == alike
    assert tf32() == (False, False)


def test_a_gpu_that_is_not_asked_for_is_left_alone(gpu):
    compute_alike_every_time(config(accelerator="cpu"))
    assert device_of(config(accelerator="cpu")).type == "cpu"
    assert tf32() == (True, True)
    assert not torch.are_deterministic_algorithms_enabled()


def test_the_machine_names_the_gpu_that_works(gpu):
    assert machine(torch.device("cuda")) == f"{machine(torch.device('cpu'))}, Some GPU"
    assert "Some GPU" not in machine(torch.device("cpu"))
