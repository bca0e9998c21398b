# SPDX-License-Identifier: GPL-2.0-only
"""What if a line were different? The same core with a few words of its source changed."""

from __future__ import annotations

import inspect
from types import ModuleType

from .implementation import PythonCore
from .known import IMPLEMENTATIONS


def variant(base: str | PythonCore, *changes: tuple[str, str], name: str = "variant") -> PythonCore:
    """Make an implementation from another one's source.

    Args:
        base: the implementation to start from, or its name.
        changes: pairs of what stands in its source exactly once, and what shall stand there.
        name: what to call the result.

    Raises:
        ValueError: a text does not stand in the source exactly once.
    """
    known = IMPLEMENTATIONS[base] if isinstance(base, str) else base
    core: ModuleType = known.core
    text = getattr(core, "__changed_source__", None) or inspect.getsource(core)
    for old, new in changes:
        if text.count(old) != 1:
            raise ValueError(f"{old!r} stands {text.count(old)} times in {core.__name__}, not once")
        text = text.replace(old, new)
    changed = ModuleType(f"{core.__name__}")
    changed.__package__ = core.__package__
    changed.__dict__["__changed_source__"] = text
    exec(compile(text, f"<{name} of {core.__name__}>", "exec"), changed.__dict__)
    return PythonCore(name, changed, known.driver, known.lacks)
