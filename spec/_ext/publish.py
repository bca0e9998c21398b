# SPDX-License-Identifier: GPL-2.0-only
"""What a published site has beside its pages.

* ``matrix.json`` and ``linux.json``, the verdicts, for programs.
* The commit that it was built from, in the foot of each page.
* ``404.html``, which a server shows in place of what is not there.
* If ``PASID_SPEC_SOURCE`` says where the repository is, a link on each page to its source at that
  commit.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from markupsafe import Markup
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import ExtensionMetadata

DATA = ("matrix.json", "linux.json")
UNUSED = ("jquery", "_frameworks_compat", "sphinx-data-viewer", "graphviz", "mystnb")
NOT_FOUND = """
<h1>Not here</h1>
<p>There is no such page. An id of a clause is never used again and never goes:
<a href="spec/reference/clauses.html">all clauses</a> has them. Or begin at
<a href="index.html">the front page</a>, or <a href="search.html">search</a>.</p>
"""


def commit(root: Path) -> str:
    """The commit of the checkout, or nothing outside of one; with a plus if files differ."""
    try:
        said = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--dirty=+"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    return said.strip()


def foot(
    app: Sphinx, pagename: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    """Say in the foot of a page what it was built from."""
    built = app.config.built_from
    context["last_updated"] = None
    parts = [f"version {app.config.release}"]
    if built:
        parts.append(f"commit {built}")
    source = os.environ.get("PASID_SPEC_SOURCE", "").rstrip("/")
    if source and built and app.env.found_docs and pagename in app.env.found_docs:
        path = app.env.doc2path(pagename, base=False)
        page = f"{source}/blob/{built.rstrip('+')}/{path}"
        parts.append(Markup('<a href="{}">source of this page</a>').format(page))
    context["copyright"] = Markup(" · ").join([app.config.copyright, *parts])


def lighten(
    _app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    """Leave out what extensions load and no page of ours needs, a hundred kilobytes of it."""
    for kind in ("script_files", "css_files"):
        files = context[kind]
        context[kind] = [
            file for file in files if not any(name in str(file.filename) for name in UNUSED)
        ]


def level_captions(
    _app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    """Say of which level the headings beside a page are, which Sphinx and furo do not."""
    if tree := context.get("furo_navigation_tree"):
        levelled = tree.replace('role="heading"', 'role="heading" aria-level="2"')
        context["furo_navigation_tree"] = levelled


def no_sources_unasked(_app: Sphinx, env: BuildEnvironment) -> None:
    """Leave out the sources of modules to whose lines nothing leads.

    Sphinx does so while it reads one page after the other, and not where several are read at once.
    """
    read: dict[str, Any] = getattr(env, "_viewcode_modules", {})
    for name in [name for name, found in read.items() if found and not found[2]]:
        del read[name]


def one_tree_for_sources(
    _app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    """Make the tree beside pages of sources once for all that lie as deep: none is in the tree."""
    if page.startswith("_modules/"):
        context["toctree"] = partial(_tree, context["toctree"], page.count("/"))


_trees: dict[object, str] = {}


def _tree(made: Callable[..., str], *deep: int, **how: Any) -> str:
    key = (deep, *sorted(how.items()))
    if key not in _trees:
        _trees[key] = made(**how)
    return _trees[key]


def not_found(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The page in place of one that is not there; it is shown at any depth, so it says its own."""
    base = app.config.html_baseurl
    yield (
        "404",
        {
            "title": "Not here",
            "metatags": f'<base href="{escape(base)}">' if base else "",
            "body": NOT_FOUND,
        },
        "page.html",
    )


def copy(app: Sphinx, failure: Exception | None) -> None:
    """Put the verdicts beside the pages."""
    if failure or app.builder.format != "html":
        return
    for name in DATA:
        shutil.copyfile(Path(app.srcdir) / "spec" / "data" / name, Path(app.outdir) / name)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register all that."""
    app.add_config_value("built_from", commit(Path(app.srcdir)), "html")
    app.connect("html-page-context", foot)
    app.connect("html-page-context", lighten, priority=900)  # after those who add
    app.connect("html-page-context", level_captions, priority=900)  # after furo
    app.connect("html-page-context", one_tree_for_sources, priority=100)  # before furo
    app.connect("env-updated", no_sources_unasked)
    app.connect("html-collect-pages", not_found)
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
