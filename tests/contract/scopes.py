# SPDX-License-Identifier: GPL-2.0-only
"""A scope with one of its settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reference_impl.contract import Scope, Setting, State


def one(setting: str, *sizes: int) -> Scope:
    """The setting whose name begins so, and no other."""

    class One(Scope):
        def starts(self, *args: Any) -> Iterator[tuple[Setting, list[State]]]:
            yield from (each for each in super().starts(*args) if each[0].name.startswith(setting))

    return One(*sizes)
