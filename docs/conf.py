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
]
autosummary_generate = True
numpydoc_show_class_members = False
autodoc_typehints = "none"
myst_enable_extensions = ["dollarmath"]
html_theme = "pydata_sphinx_theme"
html_title = "edcurve"
exclude_patterns = ["_build"]
# the README's links to files of the repository have no page here
suppress_warnings = ["myst.xref_missing"]
