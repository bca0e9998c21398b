# SPDX-License-Identifier: GPL-2.0-only
"""Which lines of a module a notebook, an exploration or a file of tests comes by.

A mutant of a line that is never run does what the original does: nobody has to be asked about it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from coverage import Coverage

from .suites import ROOT

Lines = dict[str, list[int]]
"""Of each module, by its file, the lines that were run."""


def traced(run: Callable[[], Any]) -> tuple[Any, Lines]:
    """What a run answers, and which lines it came by, those of an import left out."""
    seen = Coverage(data_file=None, source=[str(ROOT / "reference_impl")])
    with seen.collect():
        said = run()
    data = seen.get_data()
    return said, {
        file.removeprefix(f"{ROOT}/"): sorted(data.lines(file) or ())
        for file in data.measured_files()
    }


def whole_statements(text: str, lines: set[int]) -> set[int]:
    """All lines of the statements that a run came by, given those that it was seen at.

    Of a statement with a body only the head is meant. What stands in a function's head is run when
    the function is defined, and works when it is called: so there the whole function counts.
    """
    found: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt) and not lines.isdisjoint(span := _span(node)):
            found.update(span if not isinstance(node, ast.FunctionDef) else _head(node))
    return found


def _span(node: ast.stmt) -> range:
    body = getattr(node, "body", None)
    if not body or isinstance(node, ast.FunctionDef):
        return range(node.lineno, (node.end_lineno or 0) + 1)
    return _head(node)


def _head(node: Any) -> range:
    return range(node.lineno, max(node.lineno + 1, node.body[0].lineno))
