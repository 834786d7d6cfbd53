"""The API reference: a page for each package of gcm. Packages are found by walking, so a new one needs no line here."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PUBLIC = "What `import gcm` offers, each name once, where you would import it from."
INSIDE = "What the command line is made of; for those who change the project."


def setup(app: "Sphinx") -> dict[str, bool]:
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-skip-member", is_field_of_named_tuple)
    return {"parallel_read_safe": True}


def write_pages(app: "Sphinx") -> None:
    """Write `reference/*.rst` into the source directory; a page that did not change keeps its time."""
    directory = Path(app.srcdir) / "reference"
    directory.mkdir(exist_ok=True)
    written = {directory / f"{name}.rst": text for name, text in pages("gcm").items()}
    for path in set(directory.glob("*.rst")) - set(written):
        path.unlink()
    for path, text in written.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def is_field_of_named_tuple(*event: Any) -> Literal[True] | None:
    """Whether a member is left out: fields say "Alias for field number 0", their class's docstring more."""
    _, _, _, member, _, _ = event
    return True if type(member).__name__ == "_tuplegetter" else None


def pages(root: str) -> dict[str, str]:
    """The text of each page by its name: one for each package below `root`, and `index`, which leads to them."""
    package = importlib.import_module(root)
    names = [root, *packages_of(package)]
    public = [root, *(name for name in names if name.removeprefix(f"{root}.").partition(".")[0] in package.__all__)]
    inside = [name for name in names if name not in public]
    told: set[int] = set()
    texts = {name: page(importlib.import_module(name), told) for name in [*public, *inside]}
    summaries = {name: summary(importlib.import_module(name)) for name in names}
    index = heading("API reference", "=") + contents(PUBLIC, public, summaries) + contents(INSIDE, inside, summaries)
    return {**texts, "index": index}


def packages_of(package: ModuleType) -> list[str]:
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return sorted(module.name for module in found if module.ispkg)


def page(package: ModuleType, told: set[int]) -> str:
    """What the package exports, then what else its modules hold. `told`: what an earlier page has, by identity."""
    names = new([(name, getattr(package, name)) for name in getattr(package, "__all__", [])], told)
    here = [name for name in names if name in vars(package)]
    parts = [heading(package.__name__, "="), automodule(package.__name__, here)]
    parts += [f".. autofunction:: {package.__name__}.{name}\n\n" for name in names if name not in here]  # __getattr__'s
    for module in modules_of(package):
        own = [(name, value) for name, value in vars(module).items() if is_own(name, value, module)]
        names = new(own, told)
        if names:
            parts += [heading(module.__name__, "-"), automodule(module.__name__, names, is_hidden(module, package))]
    return "".join(parts)


def modules_of(package: ModuleType) -> Iterator[ModuleType]:
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if not module.ispkg and not module.name.endswith("__main__"):
            yield importlib.import_module(module.name)


def is_hidden(module: ModuleType, package: ModuleType) -> bool:
    """Whether the package has something else by the module's name: its function, as in gcm.data.unlike."""
    return getattr(package, module.__name__.rpartition(".")[2]) is not module


def is_own(name: str, value: object, module: ModuleType) -> bool:
    return not name.startswith("_") and callable(value) and getattr(value, "__module__", None) == module.__name__


def new(members: list[tuple[str, object]], told: set[int]) -> list[str]:
    """Names of classes and functions that no earlier page has."""
    fresh = [(name, value) for name, value in members if not isinstance(value, ModuleType) and id(value) not in told]
    told.update(id(value) for _, value in fresh)
    return [name for name, _ in fresh]


def heading(title: str, line: str) -> str:
    return f"{title}\n{line * len(title)}\n\n"


def automodule(name: str, members: list[str], hidden: bool = False) -> str:
    options = (f"   :members: {', '.join(members)}\n" if members else "") + ("   :no-index:\n" if hidden else "")
    return f".. automodule:: {name}\n{options}\n"


def contents(title: str, names: list[str], summaries: Mapping[str, str]) -> str:
    links = "".join(f"- :doc:`{name}`{summaries[name]}\n" for name in names)
    return f"{title}\n\n{links}\n.. toctree::\n   :hidden:\n\n" + "".join(f"   {name}\n" for name in names) + "\n"


def summary(package: ModuleType) -> str:
    """The first sentence of a package's docstring, to stand behind its name."""
    first, _, _ = (package.__doc__ or "").strip().partition("\n")
    return f": {first}" if first else ""
