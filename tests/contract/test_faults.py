# SPDX-License-Identifier: GPL-2.0-only
"""Every combination of faults is visited, and visited once: counted against brute force."""

from __future__ import annotations

from collections.abc import Callable
from errno import EIO, ENOMEM, ENOSPC, ENXIO
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.contract import IMPLEMENTATIONS, Operation, Scope, State
from reference_impl.contract.recorder import Recorder
from reference_impl.contract.step import NEW, PUBLISHED, Entry, Row

Script = tuple[bool, ...]


def visited(recorder: Recorder, run: Callable[[], object]) -> list[Script]:
    """The combinations that the chooser goes through, in its order."""
    found: list[Script] = []
    script: Script | None = ()
    while script is not None:
        recorder.follow(script)
        run()
        found.append(recorder.taken)
        script = recorder.next_script()
    return found


def tried(recorder: Recorder, run: Callable[[], object], longest: int) -> list[Script]:
    """The same, found by trying everything."""
    found = set()
    for script in product((False, True), repeat=longest):
        recorder.follow(script)
        run()
        assert len(recorder.taken) <= longest
        if sum(recorder.taken) <= recorder.limit:
            found.add(recorder.taken)
    return sorted(found)


@given(
    limit=st.integers(0, 6),
    ends=st.sets(st.lists(st.booleans(), max_size=4).map(tuple), max_size=6),
)
def test_whatever_is_asked(limit: int, ends: set[Script]) -> None:
    recorder = Recorder(limit)

    def run() -> None:
        """Ask five times, or fewer, depending on the answers."""
        while len(recorder.taken) < 5 and recorder.taken not in ends:
            recorder.fails("driver")

    assert sorted(visited(recorder, run)) == tried(recorder, run, longest=5)


# How many combinations there are for 0, 1, 2, 3 and 8 faults: with three devices the model asks
# d0, d1, d2; after a failure of d1 once more d0, and to block it if that fails; and so on.
COUNTS = {"model": [1, 4, 7, 9, 10], "merged": [1, 4, 7, 9, 10], "posted-v1": [1, 5, 9, 9, 9]}


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_a_replace_on_three_devices(name: str) -> None:
    implementation = IMPLEMENTATIONS[name]
    setting, _ = next(Scope(pasids=1).starts(implementation.lacks))
    recorder = Recorder(0)
    machine = implementation.boot(setting, recorder)
    old, new = (PUBLISHED, NEW) if setting.handles else (None, None)
    hardware = tuple("A" if dev.max_pasids else None for dev in setting.devices)
    attached = State((Row(Entry("A", old), hardware),))

    def run() -> None:
        machine.load(attached)
        machine.run(Operation("replace", "d0", 1, "B", new))

    counts = []
    for recorder.limit in (0, 1, 2, 3, 8):
        found = visited(recorder, run)
        assert sorted(found) == tried(recorder, run, longest=8)
        counts.append(len(found))
    assert counts == COUNTS[name]


def test_each_fault_of_a_driver_has_its_errno() -> None:
    recorder = Recorder(8)
    recorder.follow((True, False, True, True, True, True))
    asked = ("driver", "driver", "memory", "driver", "driver", "driver", "driver")
    assert [recorder.fails(what) for what in asked] == [EIO, 0, ENOMEM, ENXIO, EIO, ENOSPC, 0]
    assert recorder.events == [("no memory",)]
    assert recorder.faults == 5
