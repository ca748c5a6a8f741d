"""Sphinx's settings: MyST for prose, numpydoc for the reference, sphinx-gallery for the examples."""

import re

from sphinx.ext import autosummary
from sphinx_gallery.sorting import ExplicitOrder

import sere

project = "sere"
author = "The sere developers"
version = release = sere.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_title = "sere"
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": []}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_show_sphinx = False
copyright = "The sere developers, BSD 3-Clause licence"

myst_enable_extensions = ["dollarmath", "deflist", "colon_fence"]
myst_heading_anchors = 3

autosummary_generate = True
templates_path = ["_templates"]
# References must lead somewhere, but for those to scikit-learn and to what lies inside the library.
nitpicky = True
INSIDE = ("training", r"chain\.\w+", r"tracks\.v\w+", r"evaluation\.(summary|cells|methods)")
INSIDE += (r"encoders\.(spec|layers|experience)",)
nitpick_ignore_regex = [("py:.*", r"sklearn\..*"), ("py:.*", rf"sere\.({'|'.join(INSIDE)})\b.*")]
autodoc_typehints = "none"
# Summaries end with the first sentence, and not within "(Eq. 3)".
autosummary.WELL_KNOWN_ABBREVIATIONS += (" Eq.", "(Eq.", "al.")
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

PARTS = ("answers", "insight", "evaluation", "parts")
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "subsection_order": ExplicitOrder([f"../examples/{part}" for part in PARTS]),
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sere",),
    "reference_url": {"sere": None},
    "filename_pattern": r"/plot_",
    "show_memory": False,
    "abort_on_example_error": True,
    "min_reported_time": 10_000,
    "show_signature": False,
    "write_computation_times": False,
}


def without_labels_of_scikit_learn(app, what, name, obj, options, lines):
    """Take the references out of inherited docstrings: their targets are pages of scikit-learn's own documentation."""
    if (getattr(obj, "__module__", None) or "").startswith("sklearn."):
        lines[:] = [re.sub(r":ref:`([^<`]+?)\s*(?:<[^>`]*>)?`", r"\1", line) for line in lines]


def setup(app):
    """Connect what is above."""
    app.connect("autodoc-process-docstring", without_labels_of_scikit_learn, priority=100)
