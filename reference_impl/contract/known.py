# SPDX-License-Identifier: GPL-2.0-only
"""The implementations that can be named: the model, and the designs of the thread."""

from __future__ import annotations

from ..designs import DESIGNS
from ..model import core
from .implementation import PythonCore

IMPLEMENTATIONS: dict[str, PythonCore] = {
    "model": PythonCore("model", core),
    **{name: PythonCore(name, d.core, d.driver, d.lacks) for name, d in DESIGNS.items()},
}
"""By the name that the command line takes."""
