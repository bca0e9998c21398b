# SPDX-License-Identifier: GPL-2.0-only
"""A clause's id in code is a link to the clause: from the line that keeps it to the sentence.

In a notebook's listing, in its cells, and in the sources that Sphinx shows.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata
from sphinx_needs.data import SphinxNeedsData

CODE = re.compile(r'<div class="highlight"><pre>.*?</pre>', re.DOTALL)
WORDS = re.compile(r'(<span class="[sc]">)([^<]*)(</span>)')  # strings, comments: listings.py
ID = re.compile(r"\b[A-Z]{3,4}-\d+\b")


def link_ids(
    app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: object
) -> None:
    """Link every id in the code of a page."""
    needs = SphinxNeedsData(app.env).get_needs_view()

    def link(found: re.Match[str]) -> str:
        need = needs.get(found[0])
        if not need:
            return found[0]
        address = app.builder.get_relative_uri(page, str(need["docname"]))
        return f'<a class="code-clause" href="{address}#{found[0]}">{found[0]}</a>'

    def words(found: re.Match[str]) -> str:
        return f"{found[1]}{ID.sub(link, found[2])}{found[3]}"

    if "body" in context:
        context["body"] = CODE.sub(lambda code: WORDS.sub(words, code[0]), context["body"])


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register it."""
    app.connect("html-page-context", link_ids)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
