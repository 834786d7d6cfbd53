"""A task declares itself once, beside its function: from it follow the checks of the command line and the help."""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

TASKS = Path(__file__).parents[1] / "task"
TRAINING_SETTINGS = (
    "model", "optimizer", "schedule", "trainer", "checkpoint", "claim", "compile", "label_smoothing", "tensorboard",
    "channels_last",
)  # fmt: skip
"""Groups and settings that say how a network is trained."""
CHOSEN_IMAGES = ("indices", "label", "start", "count")
"""Settings that choose single test images."""
PARALLEL_SETTINGS = ("devices", "num_nodes", "strategy")
"""Settings of the trainer that spread a task over several processes."""
EVERYWHERE = ("accelerator", "enable_progress_bar")
"""Settings of the trainer that every task reads."""

Function = TypeVar("Function", bound=Callable[..., object])


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A task's own account of what it reads and what it leaves.

    Attributes:
        help: one line for `--help`, with the most usual settings behind a colon.
        reads: groups and settings that it looks at, of those that not every task does; `trainer` stands for all
            settings of the trainer, `trainer.precision` for one. Others are not checked, and are refused where somebody
            sets them.
        trains: whether it trains the network that the config describes.
        parallel: whether several processes can share it.
        resumable: whether `resume=` goes on with it.
        own_data: whether networks are always tested on their own data, of which the command line says only where
            they lie.
        leaves_result: whether it leaves a `result.json`, of which a sweep makes its summary.
    """

    help: str
    reads: tuple[str, ...] = ()
    trains: bool = False
    parallel: bool = False
    resumable: bool = False
    own_data: bool = False
    leaves_result: bool = False

    def uses(self, key: str) -> bool:
        """Return whether the task looks at a setting, by its full key; all tasks look at those that none declares."""
        section, _, name = key.split("@")[0].partition(".")
        if section == "resume":
            return self.resumable
        if section != "trainer":
            return section in self.reads or section not in declarable()
        if name in EVERYWHERE:
            return True
        return ("trainer" in self.reads or key in self.reads) if name not in PARALLEL_SETTINGS else self.parallel


def task(**settings: object) -> Callable[[Function], Function]:
    """Declare a function of `gcm/task/NAME.py` as what `task=NAME` runs; the arguments are those of `Declaration`.

    They are read from the file without running it (`declarations`), so they may name nothing but the constants here.
    """
    Declaration(**settings)  # type: ignore[arg-type]  # a wrong word fails at once

    def unchanged(function: Function) -> Function:
        return function

    return unchanged


@cache
def declarations() -> dict[str, Declaration]:
    """Return the declarations of all tasks by name, read from their files: none of their libraries is imported."""
    found = {}
    for path in sorted(TASKS.glob("[!_]*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for decorator in getattr(node, "decorator_list", []):
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == task.__name__:
                    words = {str(word.arg): value_of(word.value) for word in decorator.keywords}
                    found[path.stem] = Declaration(**words)
    return found


def value_of(expression: ast.expr) -> Any:
    """Return the value of an expression of constants in one of our own files."""
    return eval(compile(ast.Expression(expression), "a declaration", "eval"), globals())


@cache
def declarable() -> frozenset[str]:
    """Return the groups and settings that some task declares; all others are read by every task."""
    return frozenset({"weights"}.union(*(declaration.reads for declaration in declarations().values())))


def readers_of(key: str) -> list[str]:
    """Return the tasks that look at a setting: first those that train, the plainest first, then the others by name."""
    readers = {name: declaration for name, declaration in declarations().items() if declaration.uses(key)}
    return sorted(readers, key=lambda name: (not readers[name].trains, len(readers[name].reads) * readers[name].trains))


def task_list() -> str:
    """Return the tasks and what each is for, a line each, as `--help` shows them: the default first, then by name."""
    width = max(map(len, declarations()))
    names = sorted(declarations(), key=lambda name: (name != "all", name))
    return "\n".join(f"  {name:<{width}}  {declarations()[name].help}" for name in names)
