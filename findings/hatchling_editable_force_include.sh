#!/usr/bin/env bash
# Files that hatchling's `force-include` puts into the wheel, in an editable install.
#
# Guess: `pip install -e .` leaves everything in the working tree. A file that force-include moves into the package is
# either found there through a link of some kind, and an edit of it is seen at once, or it is not there at all.
#
# Seen, with hatchling 1.33.0, pip 23.2.1, Python 3.11: the file is copied into site-packages, into a folder with the
# package's name that has no __init__.py, while the package itself is read from the working tree. So importlib.resources
# does not find the file; whoever looks for it in site-packages gets the copy of the day of the installation, and no edit
# ever reaches it. The wheel itself is right. `only-include` with `sources` copies nothing.
#
# Who is hurt: whoever keeps configs at the top of a repository and lets the build move them into the package. In a
# checkout the program does not find them, or goes by old ones. Exits 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q hatchling==1.33.0 editables==0.5
mkdir -p "$work/tree/mypackage" "$work/tree/configs"
cd "$work/tree"
touch mypackage/__init__.py
echo "old" > configs/main.yaml
cat > pyproject.toml <<'TOML'
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "mypackage"
version = "1"

[tool.hatch.build.targets.wheel]
packages = ["mypackage"]

[tool.hatch.build.targets.wheel.force-include]
"configs" = "mypackage/configs"
TOML
"$work/venv/bin/pip" install -q --no-build-isolation --no-deps -e .
echo "new" > configs/main.yaml
cat > "$work/look.py" <<'PYTHON'
import sysconfig
from importlib.resources import files
from pathlib import Path

beside = files("mypackage") / "configs" / "main.yaml"
copy = Path(sysconfig.get_path("purelib"), "mypackage", "configs", "main.yaml")
print("in the package:", beside.read_text().strip() if beside.is_file() else "nothing")
print("in site-packages:", copy.read_text().strip() if copy.is_file() else "nothing")
PYTHON
cd "$work"
found=$("$work/venv/bin/python" "$work/look.py")
echo "$found"
[ "$found" = "in the package: nothing
in site-packages: old" ]
