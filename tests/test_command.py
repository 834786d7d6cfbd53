"""What the program is called: as it was started."""

import ast
import runpy
import sys

import pytest
from sample import ROOT

from gcm.command import CONFIGS, PACKAGED, after_python, command_name, started_by


@pytest.fixture(autouse=True)
def not_started(monkeypatch):
    """As where Python code uses the package; what a test starts is forgotten after it."""
    monkeypatch.setenv("GCM_COMMAND", "")


def test_in_a_checkout_python_code_is_told_of_train_py():
    assert not PACKAGED.exists()
    assert CONFIGS == ROOT / "configs"
    assert (command_name(), after_python()) == ("python train.py", "train.py")


def test_an_installed_package_has_the_command_gcm(monkeypatch, tmp_path):
    monkeypatch.setattr("gcm.command.PACKAGED", tmp_path)
    assert (command_name(), after_python()) == ("gcm", "-m gcm")
    started_by("python train.py")
    assert command_name() == "python train.py"


def test_messages_name_the_command_that_was_used(train_py, tmp_path, monkeypatch, capfd):
    assert "python train.py --help shows the choices" in train_py("model=null").error
    assert "make one with: python train.py task=train" in train_py("task=test").error
    monkeypatch.setattr(sys, "argv", ["gcm", "task=test"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("gcm", run_name="__main__")
    assert end.value.code == 2
    assert capfd.readouterr().err.endswith("make one with: gcm task=train\n")
    assert "python train.py" in train_py("task=test").error


def test_no_text_of_the_program_names_a_command_by_itself():
    named = [path for path in (ROOT / "gcm").rglob("*.j2") if "train.py" in path.read_text()]
    for path in (ROOT / "gcm").rglob("*.py"):
        if path.name == "command.py":
            continue
        tree = ast.parse(path.read_text())
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings)
        named += [path for node in texts if "train.py" in str(node.value)]
    assert not named
    assert "train.py" not in (ROOT / "configs/train.yaml").read_text()
