# SPDX-License-Identifier: GPL-2.0-only
"""The implementations that can be named: the model, and the designs of the thread."""

from __future__ import annotations

from ..designs import merged, posted_v1
from ..model import core
from .implementation import PythonCore

IMPLEMENTATIONS: dict[str, PythonCore] = {
    each.name: each
    for each in (
        PythonCore("model", core),
        PythonCore("posted-v1", posted_v1, lacks=posted_v1.LACKS),
        PythonCore("merged", merged),
    )
}
"""By the name that the command line takes."""
