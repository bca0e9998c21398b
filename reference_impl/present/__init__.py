# SPDX-License-Identifier: GPL-2.0-only
"""What a notebook shows, and a terminal as text: steps, source, verdicts."""

from .code import difference, source
from .exercises import exercise
from .tables import Table, array, matrix, verdicts
from .views import diagram, requests, story

__all__ = [
    "Table",
    "array",
    "diagram",
    "difference",
    "exercise",
    "matrix",
    "requests",
    "source",
    "story",
    "verdicts",
]
