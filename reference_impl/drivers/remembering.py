# SPDX-License-Identifier: GPL-2.0-only
"""What the drivers here have in common: they count, and may not get what they need."""

from __future__ import annotations

from typing import Any, ClassVar

from ..model.objects import Driver
from ..model.observer import MayFail


class Remembering(Driver):
    """A driver with records."""

    holds_mm: ClassVar[bool] = False
    """Whether it keeps a process's address space from going away while it sets a domain of it."""

    def may_fail(self, what: MayFail) -> None:
        """An allocation, or another thing that can be had or not."""
        if error := self.observer.fails(what):
            raise OSError(error, f"no {what}")

    def count(self, counts: dict[Any, int], key: object, by: int) -> None:
        """Count; what is counted down to nothing is not there."""
        counts[key] = counts.get(key, 0) + by
        if not counts[key]:
            del counts[key]
