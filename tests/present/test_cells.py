# SPDX-License-Identifier: GPL-2.0-only
"""A cell gives in the browser what it gives in a notebook."""

from __future__ import annotations

from typing import Any

import pytest

from reference_impl.present import Table, browser, cells
from tools import notebooks


def test_a_notebook_gives_what_is_stored() -> None:
    path = next(path for path in notebooks.paths() if path.name.startswith("01"))
    names: dict[str, Any] = {}
    compared = 0
    for cell in notebooks.read(path).cells:
        if cell.cell_type != "code":
            continue
        told = cells.run(cell.source, names)
        wanted = []
        for output in cell.outputs:
            data = output.get("data", {"text/plain": output.get("text", "")})
            html = data.get("text/html")
            wanted.append(html or data["text/plain"])
            compared += 1
        shown = [each["text"] for each in told if "docutils" not in each["text"]]
        assert [text.rstrip("\n") for text in shown] == [
            text.rstrip("\n") for text in wanted[: len(shown)]
        ]
    assert compared > 8


@pytest.mark.parametrize(
    ("source", "kinds", "text"),
    [
        ("1 + 1", ["text"], "2"),
        ("x = 1", [], ""),
        ("", [], ""),
        ("print('a')\n'b'", ["text", "text"], "'b'"),
        ("if True:\n    1", [], ""),
        ("print('a')\n1 / 0", ["text", "error"], "ZeroDivisionError: division by zero"),
        ("1 +", ["error"], "SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", ["error"], "SystemExit: 3"),
    ],
)
def test_a_cell_shows_what_it_prints_and_its_last_value(
    source: str, kinds: list[str], text: str
) -> None:
    told = cells.run(source, {})
    assert [each["kind"] for each in told] == kinds
    assert not text or told[-1]["text"].endswith(text)


def test_an_error_names_the_lines_of_the_cell_alone() -> None:
    told = cells.run("def f():\n    return 1 / 0\n\nf()", {}, "<cell 3>")[-1]["text"]
    assert 'File "<cell 3>", line 4' in told
    assert "return 1 / 0" in told
    assert "cells.py" not in told


def test_a_table_is_escaped() -> None:
    shown = cells.table(Table(["a<b"], [["&"]]))
    assert "<th>a&lt;b</th>" in shown
    assert "<td>&amp;</td>" in shown


def test_a_page_keeps_its_names_until_it_begins_anew() -> None:
    browser.forget("/p")
    browser.cell("/p", 1, "x = 1")
    assert browser.cell("/p", 2, "x")[0]["text"] == "1"
    assert browser.cell("/q", 1, "x")[0]["kind"] == "error"
    browser.forget("/p")
    assert browser.cell("/p", 1, "x")[0]["kind"] == "error"
