# SPDX-License-Identifier: GPL-2.0-only
"""What a drawing consists of, kept by how it looks: what looks alike says so once.

A page has dozens of drawings with a hundred marks each, and most of their bytes would be the same
few attributes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from html import escape


class Marks:
    """Shapes, and words above them. A look is attributes of SVG, as they stand in an element."""

    def __init__(self) -> None:
        self._shapes: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._words: defaultdict[str, list[str]] = defaultdict(list)

    def shape(self, look: str, path: str, title: str = "") -> None:
        """Add one.

        Args:
            look: the first to have it decides what is drawn over what.
            path: as an SVG path has it, from an absolute ``M`` on.
            title: what a browser says of it when pointed at.
        """
        self._shapes[look, title].append(path)

    def words(self, look: str, x: int, y: int, text: str) -> None:
        """Add a text, at a place in pixels."""
        said = escape(text, quote=False)
        self._words[look].append(f'<text x="{x}" y="{y}">{said}</text>')

    def __iter__(self) -> Iterator[str]:
        """The elements."""
        for (look, title), paths in self._shapes.items():
            inside = f"><title>{title}</title></path>" if title else "/>"
            yield f'<path {look} d="{"".join(paths)}"{inside}'
        for look, texts in self._words.items():
            yield from (f"<g {look}>", *texts, "</g>") if look else texts


def box(x: int, y: int, width: int, height: int) -> str:
    """The path of a rectangle."""
    return f"M{x} {y}h{width}v{height}h{-width}z"
