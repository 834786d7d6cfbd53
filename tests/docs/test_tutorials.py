"""Tutorials are small, show no stale output and use nothing that is not public; the site's build runs them."""

import json
import re

import pytest
from pages import TUTORIALS, cells

import gcm


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_is_kept_without_outputs(path):
    notebook = json.loads(path.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert code
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)
    assert path.stat().st_size < 20_000


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_uses_only_what_is_public(path):
    for code in cells(path, "code"):
        assert not re.findall(r"from gcm|import gcm\.", code)
        for part, name in re.findall(r"\bgcm\.(\w+)(?:\.(\w+))?", code):
            assert part in gcm.__all__
            assert not name or name in getattr(gcm, part).__all__


def test_a_reader_of_each_kind_has_a_tutorial():
    assert {path.stem for path in TUTORIALS} == {"first_maps", "own_images", "compare_visualizers"}
