# SPDX-License-Identifier: GPL-2.0-only
"""Vectors for others: as JSON, and as a KUnit test of the kernel."""

from __future__ import annotations

import json

from .kunit import kunit
from .vector import Vector
from .writing import as_data


def as_json(vectors: list[Vector]) -> dict[str, str]:
    """A file for each, by its name; with the same fields as the file that it was read from."""
    return {f"{v.name}.json": json.dumps(as_data(v), indent=1) + "\n" for v in vectors}


def as_kunit(vectors: list[Vector]) -> dict[str, str]:
    """The files of a KUnit test, by name."""
    return kunit(vectors)
