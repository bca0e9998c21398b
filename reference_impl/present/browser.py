# SPDX-License-Identifier: GPL-2.0-only
"""What the site's pages ask of the package where it runs in the reader's browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from . import cells
from .links import LinkError
from .stepper import stepper, steps, worst

_pages: dict[str, dict[str, Any]] = {}
"""The names that the cells of a page have defined."""


def cell(page: str, number: int, source: str) -> list[cells.Output]:
    """Run a cell of a page, with the names that its cells have defined so far."""
    names = _pages.setdefault(page, {"__name__": "__main__"})
    return cells.run(source, names, f"<cell {number}>")


def forget(page: str) -> None:
    """Begin a page anew."""
    _pages.pop(page, None)


QUESTIONS: dict[str, Callable[..., Any]] = {
    "stepper": stepper,
    "steps": steps,
    "worst": worst,
    "cell": cell,
    "forget": forget,
}


def answer(what: str, given: str, progress: Callable[[int, int, int], None]) -> str:
    """Answer a page.

    Args:
        what: one of ``QUESTIONS``.
        given: its arguments, a list in JSON.
        progress: called now and then while a long one is answered.

    Returns:
        ``{"answer": ...}``, or ``{"wrong": a sentence}`` for what makes no sense; as JSON.
    """
    arguments = json.loads(given)
    if what == "worst":
        arguments.append(progress)
    try:
        return json.dumps({"answer": QUESTIONS[what](*arguments)})
    except LinkError as wrong:
        return json.dumps({"wrong": str(wrong)})
