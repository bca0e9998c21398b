# SPDX-License-Identifier: GPL-2.0-only
"""Every different step of a small scope, to be shown."""

from __future__ import annotations

from functools import cache

from reference_impl.contract import (
    IMPLEMENTATIONS,
    Clause,
    Exploration,
    Operation,
    Scope,
    Setting,
    Step,
    explore,
)
from reference_impl.contract.clause import CALLS
from reference_impl.contract.setting import DeviceSpec, DomainSpec
from reference_impl.contract.step import Entry, Row
from reference_impl.model.observer import Event

SMALL = Scope(devices=2, incapable=1, domains=2, pasids=1, faults=2)


@cache
def steps(name: str) -> tuple[Step, ...]:
    """What an implementation does, in every way, within the small scope."""
    found: list[Step] = []
    collect = Clause("X-1", "t", "s", "6.2", ("MSG-1",), CALLS, lambda step: found.append(step))
    explore(IMPLEMENTATIONS[name], SMALL, [collect])
    return tuple(found)


@cache
def explored(name: str) -> Exploration:
    """An exploration of the small scope."""
    return explore(IMPLEMENTATIONS[name], SMALL)


def replaced(*events: Event, after: Row, result: int | str = 0, elsewhere: bool = False) -> Step:
    """A replace of A by B on two devices, in which this happens."""
    devices = (DeviceSpec("d0", 4), DeviceSpec("d1", 4))
    setting = Setting("group", devices, (DomainSpec("A"), DomainSpec("B")), (1, 2))
    operation = Operation("replace", "d0", 1, "B", "h'")
    before = Row(Entry("A", "h"), ("A", "A"))
    return Step(setting, operation, before, events, result, after, elsewhere=elsewhere)
