"""Sphinx configuration: `python -m sphinx -W docs docs/_build`."""

import os
import sys
from pathlib import Path

# Several threads wait for each other where other programs compute too.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

here = Path(__file__).parent
sys.path[:0] = [str(here / "ext"), str(here.parent)]

import tinygraph  # noqa: E402  (found through the line above)

project = "tinygraph"
author = "The tinygraph authors"
copyright = "2026, The tinygraph authors"
release = version = tinygraph.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "live",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_title = f"tinygraph {release}"

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"
