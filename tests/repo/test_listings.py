# SPDX-License-Identifier: GPL-2.0-only
"""A listing of the site is lighter than Pygments would write it, and looks the same."""

from __future__ import annotations

import re
import sys

import pytest
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES, Whitespace

from tests.repo.files import ROOT

sys.path.append(str(ROOT / "spec" / "_ext"))

from listings import Lean, looks, plainest

STYLES = tuple(get_style_by_name(name) for name in ("native", "vs"))
SOURCE = (ROOT / "reference_impl" / "model" / "core.py").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def two_styles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lean, "styles", STYLES)


def test_every_token_looks_as_it_did() -> None:
    for token in STANDARD_TYPES:
        if token is not Whitespace:
            for style in STYLES:
                assert looks(style, token) == looks(style, plainest(token, STYLES))


def test_the_text_is_the_same_and_there_are_half_the_marks() -> None:
    lean, full = (highlight(SOURCE, PythonLexer(), each()) for each in (Lean, HtmlFormatter))
    marks = re.compile(r"<span[^>]*>|</span>")
    assert marks.sub("", lean) == marks.sub("", full)
    assert len(marks.findall(lean)) < len(marks.findall(full)) / 2
