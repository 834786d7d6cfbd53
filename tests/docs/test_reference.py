"""The API reference finds what there is: a new package, module or class is in it without being listed anywhere."""

import importlib.util
import sys

import pytest
from pages import DOCS

import gcm


@pytest.fixture(scope="module")
def reference_pages():
    description = importlib.util.spec_from_file_location("reference_pages", DOCS / "reference_pages.py")
    module = importlib.util.module_from_spec(description)
    description.loader.exec_module(module)
    return module


@pytest.fixture
def strange_package(tmp_path, monkeypatch):
    """One with a public part of two modules, of which one is exported, and a part that is not public."""
    files = {
        "__init__.py": '"""A package."""\n__all__ = ["part"]\n',
        "part/__init__.py": '"""A part."""\nfrom strange.part.told import Told\n__all__ = ["Told"]\n',
        "part/told.py": '"""Told."""\nclass Told:\n    """Exported."""\nclass Beside:\n    """Not exported."""\n',
        "part/other.py": "def function():\n    pass\ndef _hidden():\n    pass\n",
        "inside/__init__.py": "",
        "inside/deep/__init__.py": "",
        "inside/deep/module.py": "class Deep:\n    pass\n",
    }
    for name, text in files.items():
        path = tmp_path / "strange" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield "strange"
    for name in [name for name in sys.modules if name.split(".")[0] == "strange"]:
        del sys.modules[name]


def test_whatever_is_new_is_found(reference_pages, strange_package):
    pages = reference_pages.pages(strange_package)
    assert set(pages) == {"strange", "strange.part", "strange.inside", "strange.inside.deep", "index"}
    part = pages["strange.part"]
    assert ".. automodule:: strange.part\n   :members: Told\n" in part
    assert ".. automodule:: strange.part.told\n   :members: Beside\n" in part
    assert ".. automodule:: strange.part.other\n   :members: function\n" in part
    assert ".. automodule:: strange.inside.deep.module\n   :members: Deep\n" in pages["strange.inside.deep"]
    public, inside = pages["index"].split(reference_pages.INSIDE)
    assert "- :doc:`strange.part`: A part.\n" in public
    assert "- :doc:`strange.inside.deep`\n" in inside


def test_everything_public_is_there_once(reference_pages):
    pages = reference_pages.pages("gcm")
    public = [name for name in gcm.__all__ if name not in ("load", "list_models")]
    assert {f"gcm.{name}" for name in public} <= set(pages)
    members = [name for text in pages.values() for name in listed_members(text)]
    for package in public:
        for name in getattr(gcm, package).__all__:
            assert name in members or name in ("load", "list_models"), name
    assert ".. autofunction:: gcm.load\n" in pages["gcm"]


def listed_members(text):
    lines = [line for line in text.splitlines() if line.startswith("   :members: ")]
    return [name for line in lines for name in line.removeprefix("   :members: ").split(", ")]
