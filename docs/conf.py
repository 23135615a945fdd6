"""The documentation: ``make docs``. Warnings are errors, and nothing is fetched."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

import gapkit  # noqa: E402
from gapkit.models import likelihoods  # noqa: E402

project = "gapkit"
author = "the authors of gapkit"
version = release = gapkit.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "analyses_pages",
    "docstrings",
    "gallery",
    "mathml",
    "words",
]
exclude_patterns = ["_build", "_ext", "_templates"]
templates_path = ["_templates"]
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"

autosummary_generate = True
autosummary_generate_overwrite = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
# Each name has one page: the top of gapkit, else the innermost of these.
autosummary_context = {"top": set(gapkit.__all__), "inner": {"gapkit.models": set(likelihoods.__all__)}}
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # signatures stay short, types are told in words
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"gapkit {release}"
html_static_path = ["_static"]
html_css_files = ["gapkit.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = "$ "
