# SPDX-License-Identifier: GPL-2.0-only
"""The group's array: the few operations of Linux' XArray on which the contract rests.

Source: ``lib/xarray.c``, ``include/linux/xarray.h``.
"""

from __future__ import annotations

from errno import EBUSY
from typing import Final, Generic, Protocol, TypeVar

from .observer import Observer


class Seen(Protocol):
    """What can be stored: something that can say how it looks to a reader."""

    def seen(self) -> tuple[str, str | None]:
        """The domain that the entry names, and the handle through which it does, if any."""


class _Reserved:
    """Memory is held for this slot and readers see nothing (XA_ZERO_ENTRY)."""

    def seen(self) -> str:
        return "reserved"

    def __repr__(self) -> str:
        return "RESERVED"


RESERVED: Final = _Reserved()

E = TypeVar("E", bound=Seen)


class XArray(Generic[E]):
    """Index to entry. Only taking a slot that was absent needs memory, so only that can fail."""

    def __init__(self, observer: Observer) -> None:
        self.slots: dict[int, E | _Reserved] = {}
        self._observer = observer

    @property
    def empty(self) -> bool:
        """Whether nothing is there, and nothing reserved."""
        return not self.slots

    def load(self, index: int) -> E | None:
        """What a reader finds; a reserved slot reads as absent."""
        slot = self.slots.get(index)
        return None if slot is RESERVED else slot  # type: ignore[return-value]

    def insert(self, index: int, slot: E | _Reserved) -> int:
        """Take an absent slot. Returns 0, EBUSY if it is present or reserved, or ENOMEM."""
        if index in self.slots:
            return EBUSY
        return self._take(index, slot)

    def take_if_absent(self, index: int, slot: E | _Reserved) -> tuple[E | None, int]:
        """Take the slot if it is absent, else leave it (``xa_cmpxchg()`` against NULL).

        Returns what a reader finds there, and an errno, which can only be ENOMEM.
        """
        if index in self.slots:
            return self.load(index), 0
        return None, self._take(index, slot)

    def store(self, index: int, slot: E | _Reserved) -> int:
        """Put *slot* there whatever was there. Returns 0, or ENOMEM if it was absent."""
        if index not in self.slots:
            return self._take(index, slot)
        self.slots[index] = slot
        self._observer.saw(("array", index, slot.seen()))
        return 0

    def release(self, index: int) -> None:
        """Give a reservation back; an entry that has been stored since stays."""
        if self.slots.get(index) is RESERVED:
            self.erase(index)

    def erase(self, index: int) -> E | _Reserved | None:
        """Make the slot absent. Returns what was there; nothing happens if nothing was."""
        slot = self.slots.pop(index, None)
        if slot is not None:
            self._observer.saw(("array", index, None))
        return slot

    def _take(self, index: int, slot: E | _Reserved) -> int:
        if error := self._observer.fails("memory"):
            return error
        self.slots[index] = slot
        self._observer.saw(("array", index, slot.seen()))
        return 0
