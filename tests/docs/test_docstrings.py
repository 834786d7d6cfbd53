"""Docstrings begin with a sentence, and those of public names show an example that runs."""

import ast
import doctest
import importlib
import re
from types import ModuleType

import pytest
from sample import ROOT

FILES = sorted((ROOT / "gcm").rglob("*.py"))
PUBLIC = ("gcm", "gcm.data", "gcm.draw", "gcm.metric", "gcm.model", "gcm.rendering", "gcm.visualizer", "gcm.zoo")
FRAGMENT = re.compile(
    r"(And|Also|As|At|By|For|From|How|If|In|Likewise|Of|On|Or|That|To|Up|What|Where|Which|Whose|Why|With|Within|Without)\b"
)
"""How a docstring begins that lacks a subject or a verb, or has them in a place where they must be looked for."""
NO_VERB = re.compile(r"(A|All|An|Both|Each|Either|Its|Neither|One|The|Their|These|This|Those|Whether)\b")
"""How a function's docstring begins that names what comes out, but says nothing of doing."""
HEADINGS = ("Args:", "Attributes:", "Returns:", "Raises:")
ENTRY = re.compile(r"^    \w[\w, ]*: (?=(of|that|whose|to|likewise|by(?! how))\b)", re.MULTILINE)
"""An argument or attribute whose explanation goes on with its name, as in `path: of the file`."""


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def text_of(statement):
    value = statement.value if isinstance(statement, ast.Expr) else None
    return value.value.strip() if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def docstrings_in(body, name):
    """Kind, name and text of all docstrings in a module or class, also those below constants and attributes."""
    for previous, node in zip([None, *body], body, strict=False):
        if isinstance(previous, ast.Assign | ast.AnnAssign) and text_of(node) is not None:
            yield "constant", f"{name}:{node.lineno}", text_of(node)
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            of_property = any("property" in ast.unparse(decorator) for decorator in node.decorator_list)
            kind = "class" if isinstance(node, ast.ClassDef) else "property" if of_property else "function"
            if ast.get_docstring(node) is not None:
                yield kind, f"{name}.{node.name}", ast.get_docstring(node)
            yield from docstrings_in(node.body, f"{name}.{node.name}")


def docstrings():
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield "module", module_of(path), ast.get_docstring(tree) or ""
        yield from docstrings_in(tree.body, module_of(path))


def fault(kind, text):
    """What is wrong with a docstring, or an empty string."""
    first, *_ = text.split("\n\n")
    if first.startswith(HEADINGS):
        return "begins with a list; say first what it is"
    if not re.match(r"[A-Z`(]", first):
        return "must begin with a capital letter"
    if not first.endswith((".", "?")):
        return "its first paragraph must end with a full stop"
    if FRAGMENT.match(first) and not first.endswith("?"):
        return "must begin with a subject and a verb"
    if kind == "function" and NO_VERB.match(first):
        return "must say first what the function does: Return, Raise, Write, …"
    found = ENTRY.search(text)
    return f"{found[0].strip()} {found[1]} …: an explanation must be understood without the name" if found else ""


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("class", "Attributes:\n    modes: before the first looker came.", "a list"),
        ("class", "One layer.\n\nAttributes:\n    path: of the file.", "path: of …"),
        ("constant", "Of what is counted: beyond it the libraries' own counters end.", "a subject"),
        ("module", "What the network says.", "a subject"),
        ("module", "What does a network say?", ""),
        ("function", "The logits of all images.", "what the function does"),
        ("property", "The logits of all images.", ""),
        ("function", "Return the logits", "full stop"),
        ("function", "return the logits.", "capital"),
    ],
)
def test_faults_are_found(kind, text, expected):
    assert expected in fault(kind, text)
    assert bool(expected) == bool(fault(kind, text))


def test_docstrings_begin_with_a_sentence():
    found = {name: fault(kind, text) for kind, name, text in docstrings() if fault(kind, text)}
    assert not found


def test_public_names_show_an_example():
    for package in map(importlib.import_module, PUBLIC):
        for name in package.__all__:
            public = getattr(package, name)
            if not isinstance(public, ModuleType):
                assert ">>> " in (public.__doc__ or ""), f"{package.__name__}.{name} shows no example"


@pytest.mark.parametrize("name", [module_of(path) for path in FILES if ">>> " in path.read_text(encoding="utf-8")])
def test_examples_run(name, capsys):
    examples = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name))
    runner = doctest.DocTestRunner()
    for example in examples:
        runner.run(example)
    assert runner.summarize(verbose=False).attempted
    assert not runner.failures, capsys.readouterr().out
