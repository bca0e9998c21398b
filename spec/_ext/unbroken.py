# SPDX-License-Identifier: GPL-2.0-only
"""What is one word is not broken at its hyphen: an errno, an id, a date, VT-d, a word of code."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.typing import ExtensionMetadata

WORD = re.compile(r"((?<![\w-])-E[A-Z]{3,}\b|\b[A-Z]{3,4}-\d+\b|\b\d{4}-\d\d-\d\d\b|\bVT-d\b)")
SHORT = 20
"""How many characters of code are kept together; more may be wider than a column of a phone."""


class Unbroken(SphinxPostTransform):
    """Puts each such word into an element of its own; a style keeps it together."""

    default_priority = 900  # after what makes words

    def run(self, **_: Any) -> None:
        """Look at every text of the page."""
        for text in list(self.document.findall(nodes.Text)):
            parent = text.parent
            if isinstance(parent, nodes.literal) and len(text) <= SHORT and " " not in text:
                parent["classes"].append("unbroken")
            elif not isinstance(parent, (nodes.literal_block, nodes.raw)):
                parts = WORD.split(text)
                if len(parts) > 1:
                    parent.replace(text, spans(parts))


def spans(parts: list[str]) -> list[nodes.Node]:
    """Text and such words in turn, as split gives them."""
    made = [
        nodes.inline("", part, classes=["unbroken"]) if at % 2 else nodes.Text(part)
        for at, part in enumerate(parts)
    ]
    return [node for node, part in zip(made, parts, strict=True) if part]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.add_post_transform(Unbroken)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
