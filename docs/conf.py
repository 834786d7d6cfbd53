"""The documentation as a site: `sphinx-build -W docs site`, of these pages and notebooks and of the docstrings."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "gcm"
version = release = version_of("gcm")
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "reference_pages"]

html_theme = "pydata_sphinx_theme"
html_title = "gcm"
html_static_path = ["_static"]
html_css_files = ["wide_tables.css"]
html_show_copyright = html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": False, "show_toc_level": 2}

myst_heading_anchors = 3  # links to headings are checked
nb_execution_mode = "force"  # notebooks are kept without outputs
nb_execution_raise_on_error = True
nb_execution_timeout = 120

default_role = "py:obj"  # `Name` in a docstring leads to it, if it is one of ours …
suppress_warnings = ["ref.python"]  # … or to one of those that `.name` could mean
add_module_names = False
autodoc_member_order = "bysource"
autodoc_default_options = {"show-inheritance": True, "special-members": "__call__"}
napoleon_attr_annotations = False  # signatures have the types
autodoc_inherit_docstrings = False  # what PyTorch says of forward() is PyTorch's
python_maximum_signature_line_length = 90
