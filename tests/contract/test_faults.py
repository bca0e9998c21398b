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
from reference_impl.contract.setting import NEW, PUBLISHED
from reference_impl.contract.step import Entry, Row
from reference_impl.model.observer import MayFail

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


# How many combinations there are of at most 0, 1, 2, 3 and 8 faults. In the model each of three
# devices may fail, then those before it may fail to go back, and those that do to be blocked:
# 1 + 1 + 3 + 9. The posted patch may lack memory or fail on one of three devices, twice:
# 1 + 4 * (1 + 4).
COUNTS = {"model": [1, 4, 7, 11, 14], "merged": [1, 4, 7, 11, 14], "posted-v1": [1, 5, 21, 21, 21]}


@pytest.mark.parametrize("name", COUNTS)
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
    asked: list[MayFail] = ["driver", "driver", "memory", "driver", "driver", "driver", "driver"]
    assert [recorder.fails(what) for what in asked] == [EIO, 0, ENOMEM, ENXIO, EIO, ENOSPC, 0]
    assert recorder.events == [("no memory",)]
    assert recorder.faults == 5
