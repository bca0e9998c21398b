# SPDX-License-Identifier: GPL-2.0-only
"""Sphinx configuration: index.md and spec/ become the site."""

import os
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT), str(ROOT / "spec" / "_ext")]

_project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
project = _project["name"]
author = "the pasid-spec authors"
copyright = f"{author}, GPL-2.0-only"
version = release = _project["version"]

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_needs",
    "sphinx_copybutton",
    # the project's own, in spec/_ext
    "api",
    "booted",
    "bugs",
    "cards",
    "errno_table",
    "in_browser",
    "listings",
    "margins",
    "matrix",
    "overview",
    "publish",
    "registry",
    "strength",
    "unbroken",
]

# --- where it is published: PASID_SPEC_SITE, or what Read the Docs says ---
html_baseurl = os.environ.get("PASID_SPEC_SITE") or os.environ.get("READTHEDOCS_CANONICAL_URL", "")
if html_baseurl:  # both write addresses, and have none to write without
    extensions += ["sphinx_sitemap", "sphinxext.opengraph"]
    sitemap_url_scheme = "{link}"
    sitemap_excludes = ["404.html", "search.html", "genindex.html", "py-modindex.html"]
    ogp_site_url = html_baseurl
    ogp_image = "_static/card.png"
    ogp_image_alt = "A replace by the posted patch, drawn row by row; the second device fails"
    ogp_social_cards = {"enable": False}  # one card for all, drawn by us
    ogp_custom_meta_tags = ['<meta name="twitter:card" content="summary_large_image">']

# index.md includes the front page, spec/index.md, so that the site has an /index.html
root_doc = "index"
include_patterns = ["index.md", "spec/**"]
# include_patterns alone is right, but Sphinx would still walk these folders
exclude_patterns = [
    "spec/index.md",
    "spec/_*",
    "**/.ipynb_checkpoints",
    *(".venv*", "_build", "reference_impl", "tests", "tools"),
]

# --- on paper the reference of the package has no use: `make pdf` ---
if "paper" in tags:  # noqa: F821 (Sphinx defines it)
    exclude_patterns.append("spec/reference/api.md")
    suppress_warnings = ["toc", "ref"]  # what leads there is text then

# --- every reference must have a target ---
nitpicky = "paper" not in tags  # noqa: F821
# of other packages there is no inventory without a network
_others = [re.escape(name) for name in (*sys.stdlib_module_names, "click", "rich")]
nitpick_ignore_regex = [
    # a type variable, and what is private, has no entry
    ("py:class", r".*\b([A-Z]|_\w+)"),
    # an alias of a type is data to autodoc, and a class to what refers to it
    ("py:class", r"Slot|Notes|Names|Script"),
    ("py:.*", rf"({'|'.join(_others)})\..*"),
]

# --- Markdown and notebooks ---
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
# the site shows the committed outputs: those are what nbval has compared
nb_execution_mode = "off"
nb_merge_streams = True
nb_render_markdown_format = "myst"  # outputs may have roles and tables
nb_code_prompt_show = "Show the {type}"
nb_code_prompt_hide = "Hide the {type}"

# --- API pages ---
default_role = "code"  # a docstring's `word` is code, as in Markdown
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"no-value": True}  # the value of CLAUSES would fill pages
viewcode_follow_imported_members = False  # or it lists the module builtins
add_module_names = False  # each section is headed by the module's name
toc_object_entries = False
napoleon_numpy_docstring = False

# --- clauses, messages and commits: spec/_ext/registry.py checks them, cards.py draws them ---
needs_id_required = True
needs_id_regex = r"^([A-Z]{3,4}-[0-9]+|C-[0-9a-f]{12})$"
needs_title_optional = False
needs_role_need_template = "{{ id[2:] if type == 'commit' else id }}"
needs_types = [
    {"directive": "clause", "title": "Clause", "prefix": "", "color": "", "style": "node"},
    {"directive": "message", "title": "Message", "prefix": "MSG-", "color": "", "style": "node"},
    {"directive": "commit", "title": "Commit", "prefix": "C-", "color": "", "style": "node"},
]
# a field without a written type makes Sphinx read every page in every build
needs_fields = {
    name: {"description": description, "schema": {"type": "string"}, "nullable": True}
    for name, description in {
        "since": "clause: the first Linux release that promises it",
        "sources": "clause: where it comes from, beside messages and commits",
        "checked_by": "clause: its predicate, a function of the package",
        "author": "message, commit: who wrote it",
        "date": "message, commit: the day",
        "release": "commit: the first Linux release with it",
        "stable": "commit: the first stable release that took it",
    }.items()
}
needs_links = {"derived_from": {"incoming": "cited by", "outgoing": "derived from"}}

# --- HTML ---
html_theme = "furo"
html_title = "The PASID contract"
html_static_path = ["spec/_static"]
html_favicon = "spec/_static/icon.svg"
html_css_files = ["spec.css", "browser.css"]
html_js_files = [("clauses.js", {"type": "module"})]
html_copy_source = False
html_show_sphinx = False
templates_path = []
html_theme_options = {
    "navigation_with_keys": True,
    "light_css_variables": {
        "color-brand-primary": "#1f5fa8",
        "color-brand-content": "#1f5fa8",
        "color-api-name": "#1f5fa8",
        "color-brand-visited": "#6b4a9c",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7db7f0",
        "color-brand-content": "#7db7f0",
        "color-api-name": "#7db7f0",
        "color-brand-visited": "#b79be0",
    },
}
copybutton_selector = "div.cell_input pre, div:not(.output) > div.highlight > pre"
