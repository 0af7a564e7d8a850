"""Sphinx configuration."""

import edcurve

project = "edcurve"
author = "The edcurve developers"
copyright = "the edcurve developers"
version = release = edcurve.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "abort_on_example_error": True,
    "capture_repr": (),  # what an example prints is what its page says
    "download_all_examples": False,
    "image_srcset": ["2x"],
    "min_reported_time": 1e9,  # pages do not depend on how fast the machine was
    "show_memory": False,
    "show_signature": False,
    "within_subsection_order": "FileNameSortKey",
}
autosummary_generate = True
numpydoc_show_class_members = False
autodoc_typehints = "none"
myst_enable_extensions = ["dollarmath"]
html_theme = "pydata_sphinx_theme"
html_title = "edcurve"
exclude_patterns = ["_build", "examples"]
# the README's links to files of the repository have no page here
suppress_warnings = ["myst.xref_missing"]
