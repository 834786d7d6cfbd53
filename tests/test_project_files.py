"""What stands beside the code agrees with it: licence, citation, changelog."""

import re
import tomllib

import pytest
import yaml
from sample import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_citation_is_this_version_of_this_project():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in PROJECT["authors"]]
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    assert citation["keywords"] == PROJECT["keywords"]


def test_the_licence_is_the_declared_one():
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith(f"{PROJECT['license']} License\n")
    assert re.search(r"^Copyright \(c\) \d{4} The gcm authors$", text, re.MULTILINE)


def test_the_changelog_begins_with_what_is_not_released_and_knows_this_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert versions[:2] == ["Unreleased", PROJECT["version"]]
    kinds = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_torch_hub_is_shown_with_a_clone_and_nobody_is_named_as_owner():
    shown = {
        path: path.read_text() for path in (ROOT / "hubconf.py", ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
    }
    calls = [call for text in shown.values() for call in re.findall(r"torch\.hub\.\w+\(([^)]+)\)", text)]
    assert {"hubconf.py", "python.md"} <= {path.name for path, text in shown.items() if "torch.hub.load(" in text}
    assert all(call.startswith('"path/to/clone"') and 'source="local"' in call for call in calls)
    assert not [path for path, text in shown.items() if "OWNER" in text]


@pytest.mark.parametrize("dependency", PROJECT["dependencies"])
def test_dependencies_have_bounds_on_both_sides(dependency):
    assert re.fullmatch(r"[a-z0-9-]+>=[\d.]+,<[\d.]+", dependency)
