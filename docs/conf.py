"""How the documentation is built: ``sphinx-build -W docs OUT``, warnings as errors."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import regsim

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
# A quarter of the build was garbage collection, which finds next to none in a million live nodes.
gc.set_threshold(200_000, 20, 1_000)

project = "regsim"
author = "The regsim authors"
project_copyright = "The regsim authors, MIT licence"
version = release = regsim.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "embedding",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "_ext", "_templates", "changes", "playground"]
default_role = "code"
myst_enable_extensions = ["deflist", "attrs_inline"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # an attribute is described where its class is, once
suppress_warnings = ["ref.python"]  # short names in signatures may mean two classes

html_theme = "furo"
html_title = "regsim"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_search_scorer = str(HERE / "_ext" / "scorer.js")
html_js_files = ["copy.js", "labs.js", "versions.js"]
templates_path = ["_templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "version.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}


def setup(app: Sphinx) -> None:
    """Write the generated pages before the first is read."""
    import generated  # noqa: PLC0415 - found only now, beside this file
    from naming import Names  # noqa: PLC0415
    from searching import Search  # noqa: PLC0415

    app.add_domain(Names, override=True)
    app.add_search_language(Search)
    app.connect("builder-inited", lambda app: generated.write(Path(app.srcdir) / "_generated"))
