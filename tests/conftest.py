"""The command line as a function."""

import logging
import os
import runpy
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from sample import ROOT

from gcm.cli.command_line import failed_jobs
from gcm.cli.console import say_once
from gcm.data.image_folder import warn_once

LOG = logging.getLogger("gcm")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the processes that tests start
torch.set_num_threads(1)  # two tests run side by side
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as scripts have it in the background; commands then ignore it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--trials", type=int, help="how often a randomised slow test tries; default: each test's own few")


@pytest.fixture
def trials(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """How often to try, given a test's own few."""
    return lambda few: request.config.getoption("trials") or few


@pytest.fixture
def notices(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the library writes into its log."""
    written: list[str] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda record: written.append(record.getMessage()))
    monkeypatch.setattr(LOG, "handlers", [handler])
    monkeypatch.setattr(LOG, "level", logging.INFO)
    warn_once.cache_clear()
    return written


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.default_generator.manual_seed(0)  # torch.manual_seed formats the whole stack for a GPU


@dataclass
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that a user's mistake gets."""
        assert self.code == 2, (self.code, self.out, self.err)
        (line,) = self.err.strip().splitlines()
        assert line.startswith("error: "), self.err
        return line.removeprefix("error: ")


get_mode = Hydra.get_mode


def mode_if_a_sweep(hydra: Hydra, config_name: str, overrides: list[str]) -> Any:
    """Hydra composes every configuration once more only for its mode, which `sweep=` alone sets: half the time of a refusal."""
    return get_mode(hydra, config_name, overrides) if any("sweep=" in word for word in overrides) else None


@pytest.fixture
def train_py(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Finished]:
    """`python train.py …` in an empty directory, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setenv("GCM_RUN_DIRECTORY", "")
    monkeypatch.setattr(Hydra, "get_mode", mode_if_a_sweep)

    def command(*words: str) -> Finished:
        GlobalHydra.instance().clear()
        HydraConfig.instance().cfg = None
        monkeypatch.setattr(sys, "argv", [str(ROOT / "train.py"), *words, "trainer.enable_progress_bar=false"])
        monkeypatch.setattr(logging.root, "handlers", [])  # of an earlier command, which write where nobody reads
        monkeypatch.setattr(LOG, "handlers", [])
        code = 0
        failed_jobs.clear()
        say_once.cache_clear()
        warn_once.cache_clear()
        capfd.readouterr()
        try:
            runpy.run_path(str(ROOT / "train.py"), run_name="__main__")
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            os.environ.pop("GCM_RUN_DIRECTORY", None)
        captured = capfd.readouterr()
        return Finished(code, captured.out, captured.err)

    return command
