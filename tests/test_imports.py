"""Imports go one way, and what is slow to import is imported late."""

import ast
import subprocess
import sys

from sample import ROOT

ORDER = ["error", "untrusted", "launch", "signals", "types", "synonym", "tensor_check", "precision", "instantiate", "atomic_write", "console", "lock",
         "data", "model", "zoo", "visualizer", "rendering", "metric", "measure", "draw", "study", "report", "training", "cli", "benchmark", "task"]  # fmt: skip


def imported_parts(path):
    """The parts of gcm that a file imports, also inside functions, but not those for type checking only."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "gcm":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gcm."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("gcm."))


def test_imports_go_one_way():
    for path in (ROOT / "gcm").rglob("*.py"):
        part = path.relative_to(ROOT / "gcm").parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        for imported in imported_parts(path):
            assert ORDER.index(imported) <= ORDER.index(part), f"{path} imports gcm.{imported}"


def test_only_figures_import_matplotlib():
    users = {
        path.relative_to(ROOT / "gcm") for path in (ROOT / "gcm").rglob("*.py") if "matplotlib" in path.read_text()
    }
    strangers = [path for path in users if path.parts[0] != "draw" and path.stem not in ("figure", "learning_curve")]
    assert not strangers


def test_networks_and_visualizers_do_not_import_lightning():
    code = "import sys, gcm.model, gcm.visualizer, gcm.zoo.saved; assert 'pytorch_lightning' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_command_line_starts_without_torch():
    code = "import sys; sys.argv = ['train.py']; import gcm.cli.command_line; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_task_imports_another():
    for path in (ROOT / "gcm" / "task").glob("*.py"):
        assert "task" not in imported_parts(path), f"{path} imports another task; what both need belongs below"
