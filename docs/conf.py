"""Sphinx configuration."""

import sys
from pathlib import Path

import edcurve

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import _commands  # noqa: E402  # found by the line above
import _pages  # noqa: E402  # found by the line that extends sys.path

_pages.write(HERE / "_generated")
_commands.write(HERE / "_generated")

project = "edcurve"
author = "The edcurve developers"
copyright = "the edcurve developers"
version = release = edcurve.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "_summaries",
    "_mathml",
    "sphinx_gallery.gen_gallery",
]
sphinx_gallery_conf = {
    "examples_dirs": ["tutorials", "examples"],
    "gallery_dirs": ["auto_tutorials", "auto_examples"],
    "abort_on_example_error": True,
    "capture_repr": (),  # pages of examples show only printed output
    "download_all_examples": False,
    "image_srcset": ["2x"],
    "min_reported_time": 1e9,  # pages must not depend on the speed of the machine
    "show_memory": False,
    "show_signature": False,
    "within_subsection_order": "FileNameSortKey",
}
autosummary_generate = True
numpydoc_show_class_members = False
autodoc_typehints = "none"
templates_path = ["_templates"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "edcurve"
html_static_path = ["_static"]
html_css_files = ["edcurve.css"]
html_theme_options = {"navigation_with_keys": False, "navbar_center": [], "show_toc_level": 2}
html_sidebars = {"**": ["groups.html"]}  # the groups of pages, which the header omits
exclude_patterns = ["_build", "_generated", "examples", "tutorials"]
# links to files of the repository that have no page
suppress_warnings = ["myst.xref_missing"]


def setup(app):
    """Adapt links to files of the repository."""

    def link(_app, _name, content):
        content[0] = _pages.linked(content[0])

    app.connect("source-read", link)
