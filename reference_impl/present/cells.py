# SPDX-License-Identifier: GPL-2.0-only
"""Runs a notebook's cells without Jupyter: in the reader's browser there is none."""

from __future__ import annotations

import ast
import contextlib
import io
import linecache
import pprint
import traceback
from html import escape
from typing import Any

from .tables import Table

Output = dict[str, str]
"""One output: its ``kind`` (``html``, ``text`` or ``error``) and its ``text``."""


def run(source: str, names: dict[str, Any], name: str = "<cell>") -> list[Output]:
    """Run a cell, and show what a notebook shows: what it prints, and the value of its last line.

    Args:
        source: the cell's code.
        names: what is defined; the cell defines more.
        name: stands in a traceback.

    Returns:
        The outputs, in order. An error ends the cell, and is the last.
    """
    # so that a traceback and `inspect` find the lines
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    printed = io.StringIO()
    value, wrong = None, ""
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            tree = ast.parse(source, name)
            *before, last = tree.body or [ast.Pass()]
            shown = last if isinstance(last, ast.Expr) else None
            tree.body = before if shown else tree.body
            exec(compile(tree, name, "exec"), names)
            if shown:
                value = eval(compile(ast.Expression(shown.value), name, "eval"), names)
        except BaseException as error:  # a cell may do anything, and is told what came of it
            wrong = _told(error, name)
    said = [{"kind": "text", "text": printed.getvalue()}] if printed.getvalue() else []
    if wrong:
        return [*said, {"kind": "error", "text": wrong}]
    return said if value is None else [*said, _shown(value)]


def _shown(value: object) -> Output:
    html = table(value) if isinstance(value, Table) else None
    if html is None and hasattr(value, "_repr_html_"):
        html = value._repr_html_()
    text = html or (pprint.pformat(value, sort_dicts=False) if _plain(value) else repr(value))
    return {"kind": "html" if html else "text", "text": text}


def _plain(value: object) -> bool:
    """Whether it is a container that Jupyter would write in lines."""
    return type(value) in (tuple, list, dict, set, frozenset)


def table(shown: Table) -> str:
    """A table as the site draws it."""
    kinds = ["th", *["td"] * len(shown.rows)]
    rows = "".join(
        f"<tr>{''.join(f'<{kind}>{escape(cell)}</{kind}>' for cell in row)}</tr>"
        for kind, row in zip(kinds, (shown.heads, *shown.rows), strict=True)
    )
    return f'<div class="table-wrapper"><table class="docutils">{rows}</table></div>'


def _told(error: BaseException, name: str) -> str:
    """The error, and the lines of the cell that led to it, without those of this module."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [at for at, frame in enumerate(frames) if frame.filename == name]
    kept = traceback.StackSummary.from_list(frames[inside[0] :] if inside else [])
    return "".join([*kept.format(), *traceback.format_exception_only(error)]).rstrip()
