"""A task is declared once, beside its function; the checks of the command line and the help follow."""

import subprocess
import sys

import pytest
from sample import ROOT

from gcm.cli import declaration
from gcm.cli.declaration import TASKS, declarations, readers_of, task, task_list

NEW = """
from gcm.cli.declaration import CHOSEN_IMAGES, task


@task(help="count the pixels: weights=RUN", reads=("weights", *CHOSEN_IMAGES, "colours"), resumable=True)
def pixels(config):
    raise AssertionError("a declaration is read without running the file")
"""


@pytest.fixture
def with_new_task(tmp_path, monkeypatch):
    """Beside the tasks that there are a new one, of which nothing else knows."""
    for path in TASKS.glob("*.py"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "pixels.py").write_text(NEW)
    monkeypatch.setattr(declaration, "TASKS", tmp_path)
    caches = (declaration.declarations, declaration.declarable)
    for cached in caches:
        cached.cache_clear()
    yield declarations()["pixels"]
    for cached in caches:
        cached.cache_clear()


def test_every_choice_of_a_task_is_declared():
    assert set(declarations()) == {path.stem for path in (ROOT / "configs" / "task").glob("*.yaml")}


def test_a_new_task_is_listed_and_checked_by_its_own_declaration_alone(with_new_task):
    assert "  pixels         count the pixels: weights=RUN" in task_list().splitlines()
    read = ("weights", "resume", "indices", "colours", "data.root", "seed", "trainer.accelerator", "task.colour")
    assert all(with_new_task.uses(key) for key in read)
    unread = ("optimizer.lr", "visualizer", "model@model", "trainer.max_epochs", "trainer.devices", "compile")
    assert not any(with_new_task.uses(key) for key in unread)
    assert readers_of("colours") == ["pixels"]


def test_trainings_are_named_first():
    assert readers_of("compile") == ["train", "all", "evolution"]
    assert readers_of("trainer.precision") == ["train", "all", "evolution", "test"]


def test_a_word_that_no_declaration_knows_fails_at_once():
    with pytest.raises(TypeError, match="resumeable"):
        task(help="…", resumeable=True)


def test_declarations_are_read_without_any_library():
    code = "import sys; from gcm.cli.declaration import task_list; task_list(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
