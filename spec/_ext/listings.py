# SPDX-License-Identifier: GPL-2.0-only
"""Listings without what nobody sees: else a third of a page would be marks on single words of code.

A token is marked as the most general one that looks the same, in light and in dark. Most names and
all punctuation are then not marked at all, and neighbours that look alike are marked together.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
from pygments.style import Style  # type: ignore[import-untyped]
from pygments.token import Text, Token, Whitespace, _TokenType  # type: ignore[import-untyped]
from sphinx.application import Sphinx
from sphinx.highlighting import PygmentsBridge
from sphinx.util.typing import ExtensionMetadata


class Lean(HtmlFormatter):  # type: ignore[misc]
    """Writes HTML with as few marks as the styles allow."""

    styles: tuple[type[Style], ...] = ()

    def _get_css_classes(self, ttype: _TokenType) -> str:
        classes: str = super()._get_css_classes(plainest(ttype, self.styles))
        return classes


@cache
def plainest(token: _TokenType, styles: tuple[type[Style], ...]) -> _TokenType:
    """The most general token that looks the same in every style; of blanks nothing is seen."""
    parent = token.parent
    if parent is None or token is Whitespace:
        return Token
    plain = plainest(parent, styles)
    same = all(looks(style, token) == looks(style, plain) for style in styles)
    return plain if same else token


def looks(style: type[Style], token: _TokenType) -> dict[str, Any]:
    """How a style shows a token; what is not marked looks like text."""
    return dict(style.style_for_token(Text if token is Token else token))


def find_styles(app: Sphinx) -> None:
    """The two that the theme uses."""
    if app.builder.format == "html":
        light = app.builder.highlighter  # type: ignore[attr-defined]
        dark = PygmentsBridge("html", app.config.pygments_dark_style)
        Lean.styles = tuple(each.formatter_args["style"] for each in (light, dark))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Let Sphinx write listings so."""
    PygmentsBridge.html_formatter = Lean
    app.connect("builder-inited", find_styles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
