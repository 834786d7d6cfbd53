"""Imports go one way, and what is slow to import is imported late."""

import ast
import subprocess
import sys

from sample import ROOT

ORDER = ["command", "error", "progress", "untrusted", "launch", "types", "synonym", "tensor_check", "precision", "instantiate", "atomic_write", "lock",
         "data", "model", "zoo", "visualizer", "rendering", "metric", "draw", "study", "report", "training", "cli", "benchmark", "task", "__main__"]  # fmt: skip
COMMANDS = ORDER[ORDER.index("cli") :]
"""The parts that may print."""


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


def part_of(path):
    return path.relative_to(ROOT / "gcm").parts[0].removesuffix(".py")


def test_imports_go_one_way():
    for path in (ROOT / "gcm").rglob("*.py"):
        part = part_of(path)
        if part == "__init__":
            continue
        for imported in imported_parts(path):
            assert ORDER.index(imported) <= ORDER.index(part), f"{path} imports gcm.{imported}"


def test_what_is_no_command_prints_nothing():
    """Neither itself nor through what fills a terminal: rich, and the callbacks of Lightning that show something."""
    shown = {"RichProgressBar", "TQDMProgressBar", "RichModelSummary", "ModelSummary"}
    for path in (ROOT / "gcm").rglob("*.py"):
        if part_of(path) in COMMANDS:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Name):
                assert node.id not in {"print", *shown}, f"{path}:{node.lineno} uses {node.id}"
            if isinstance(node, ast.Attribute):
                assert ast.unparse(node) not in {"sys.stdout", "sys.stderr"}, f"{path}:{node.lineno} prints"
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
                assert not [name for name in names if name.split(".")[0] in ("rich", "tqdm")], f"{path}:{node.lineno}"


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
