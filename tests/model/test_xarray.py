# SPDX-License-Identifier: GPL-2.0-only
"""What the contract needs of Linux' XArray."""

from __future__ import annotations

from errno import EBUSY, ENOMEM

import pytest

from reference_impl.model import RESERVED, Domain, Observer, XArray
from reference_impl.model.observer import Event, MayFail

A, B = Domain("A", None), Domain("B", None)


class Watcher(Observer):
    """Keeps the events; there is no memory while ``full`` is set."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.full = False

    def saw(self, event: Event, /) -> None:
        self.events.append(event)

    def fails(self, what: MayFail, /) -> int:
        assert what == "memory"
        return ENOMEM if self.full else 0


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def array(watcher: Watcher) -> XArray[Domain]:
    return XArray(watcher)


def test_a_reserved_slot_reads_as_absent(array: XArray[Domain]) -> None:
    assert array.load(1) is None
    assert array.insert(1, RESERVED) == 0
    assert array.load(1) is None
    assert array.take_if_absent(1, A) == (None, 0)  # as absent as it reads, it is not taken
    assert array.slots == {1: RESERVED}


@pytest.mark.parametrize("slot", [RESERVED, A])
def test_insert_refuses_what_is_present_or_reserved(array: XArray[Domain], slot: Domain) -> None:
    array.insert(1, slot)
    assert array.insert(1, B) == EBUSY
    assert array.slots == {1: slot}


def test_take_if_absent_takes_once(array: XArray[Domain]) -> None:
    assert array.take_if_absent(1, A) == (None, 0)
    assert array.take_if_absent(1, B) == (A, 0)
    assert array.load(1) is A


def test_release_gives_back_a_reservation_and_nothing_else(array: XArray[Domain]) -> None:
    array.insert(1, RESERVED)
    array.release(1)
    assert array.slots == {}
    array.insert(1, RESERVED)
    array.store(1, A)
    array.release(1)
    assert array.load(1) is A
    array.release(2)
    assert array.slots == {1: A}


def test_erase_says_what_was_there(array: XArray[Domain], watcher: Watcher) -> None:
    array.insert(1, A)
    watcher.events.clear()
    assert array.erase(1) is A
    assert array.erase(1) is None
    assert watcher.events == [("array", 1, None)]


def test_only_an_absent_slot_needs_memory(array: XArray[Domain], watcher: Watcher) -> None:
    array.insert(1, RESERVED)
    array.insert(2, A)
    watcher.full = True
    assert array.insert(3, A) == ENOMEM
    assert array.take_if_absent(3, A) == (None, ENOMEM)
    assert array.store(3, A) == ENOMEM
    assert array.load(3) is None
    assert array.store(1, A) == 0
    assert array.store(2, B) == 0
    assert array.take_if_absent(2, A) == (B, 0)
    assert array.insert(2, A) == EBUSY


def test_every_change_is_seen(array: XArray[Domain], watcher: Watcher) -> None:
    array.insert(1, RESERVED)
    array.store(1, A)
    array.store(1, B)
    array.insert(1, A)
    array.load(1)
    array.erase(1)
    assert watcher.events == [
        ("array", 1, "reserved"),
        ("array", 1, ("A", None)),
        ("array", 1, ("B", None)),
        ("array", 1, None),
    ]
