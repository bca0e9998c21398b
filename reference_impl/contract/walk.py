# SPDX-License-Identifier: GPL-2.0-only
"""A walk through one setting: every state, call and combination of faults, breadth first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from ..model.objects import NO_DOMAIN
from .implementation import Implementation, Machine
from .recorder import Recorder
from .reduction import Names, Renaming, original
from .scope import has_handle, operations, possible
from .setting import EVENTS, NEW, PUBLISHED, Operation, Setting
from .step import RESERVED, Entry, Notes, Row, Script, State, Step, Trace, concerning

ONLY_LOCKED = (("lock",), ("unlock",))
"""The events of a call that was refused under the mutex: nothing has changed."""

LAST = ("iommufd_alloc", "vfio_unbind")
"""Kinds of operation behind which nothing is explored, where they succeed."""


class Way(NamedTuple):
    """How a state was reached first."""

    parent: State | None = None
    """The state before the last call; None for a start."""
    call: Operation | None = None
    faults: Script = ()
    names: Names = MappingProxyType({})
    """How domains are called in it, by their names after the call; empty if they are the same."""
    calls: int = 0
    """How many calls it takes."""


class Walk:
    """Every step of one setting, breadth first; iterating gives those that are different.

    A clause sees of a state only the row of its PASID, so steps that differ in other rows alone are
    one step to it. Such a step is made and observed each time, and given once.

    Args:
        implementation: what makes the steps.
        setting: who is there.
        starts: the states to start from.
        faults: how many things may fail in one operation.
        beside: called after every step, with its state, its parts and its faults.
        calls: how many calls there are at most, one after the other.
        pasid: the only PASID whose calls are made, with those that name none of the setting's if
            it is the first.
        renaming: how domains are called, so that states which differ in names are one.
        first: the number of the only call that is made in a start.
    """

    def __init__(
        self,
        implementation: Implementation,
        setting: Setting,
        starts: list[State],
        faults: int,
        beside: Callable[[State, tuple[Any, ...], Script], None] | None = None,
        calls: int | None = None,
        pasid: int | None = None,
        renaming: Renaming | None = None,
        first: int | None = None,
    ) -> None:
        self.setting = setting
        self.recorder = Recorder(faults)
        self.machine = implementation.boot(setting, self.recorder)
        # a driver that has noted nothing yet may have its own way of saying so
        starts = [s if s.notes else s._replace(notes=self.machine.notes()) for s in starts]
        if renaming:
            starts = [renaming.canonical(start)[0] for start in starts]
        self.came: dict[State, Way] = {start: Way(calls=_prepared(start)) for start in starts}
        """How each state was reached."""
        self.steps = self.different = self.done = 0
        self.told: Callable[[], None] | None = None
        """Called whenever a state is done."""
        self.beside = beside
        self.calls = calls
        self.pasid = pasid
        self.renaming = renaming
        self.first = first

    def __iter__(self) -> Iterator[tuple[Step, State]]:
        """Each different step, and the state that it was made in."""
        machine, recorder, came = self.machine, self.recorder, self.came
        index = {pasid: i for i, pasid in enumerate(self.setting.pasids)}
        calls = [
            (operation, index.get(operation.pasid), operation.handle == PUBLISHED)
            for operation in operations(self.setting)
            if self.pasid is None or self._is_one_of_its(operation)
        ]
        guarded = self.setting.driver or self.setting.rid or bool(self.setting.mms)
        leaves: dict[tuple[Any, ...], Row | None] = {}  # the row that a step leaves, if any
        unseen = Row(None, ())
        queue = list(came)
        for state in queue:
            if self.calls is not None and came[state].calls >= self.calls:
                break  # breadth first: so have all that follow
            rows, resetting, notes = state
            machine.load(state)
            left: set[tuple[int | None, Row | None, Notes]] = set()
            only = self.first if came[state].parent is None else None
            for operation, at, needs_handle in calls if only is None else calls[only : only + 1]:
                before = machine.row(operation.pasid) if at is None else rows[at]
                if needs_handle and not has_handle(before):
                    continue
                if guarded and not possible(self.setting, operation, state, before):
                    continue
                script: Script | None = ()
                while script is not None:
                    recorder.follow(script)
                    parts, now = observe(machine, recorder, state, operation, before)
                    self.steps += 1
                    whole = guarded and operation.kind in EVENTS
                    new = state_now(machine, now) if whole else None
                    if now != notes or parts[-3] or (whole and (parts[2] or new != state)):
                        machine.load(state)
                    elif parts[2] and parts[2] != ONLY_LOCKED:
                        machine.restore(operation.pasid, before)
                    if self.beside:
                        self.beside(state, parts, recorder.taken)
                    after = leaves.get(parts, unseen)
                    if after is unseen:
                        step = Step(self.setting, *parts)
                        after = leaves[parts] = None if ends_here(step) else settled(step.after)
                        self.different += 1
                        yield step, state
                    gone = (at, after, now)
                    if at is not None and after is not None and (whole or gone not in left):
                        left.add(gone)
                        new = new or State((*rows[:at], after, *rows[at + 1 :]), resetting, now)
                        names: Names = {}
                        if self.renaming:
                            new, names = self.renaming.canonical(new)
                        if new not in came:
                            number = came[state].calls + 1
                            came[new] = Way(state, operation, recorder.taken, names, number)
                            queue.append(new)
                    script = recorder.next_script()
            self.done += 1
            if self.told:
                self.told()

    def _is_one_of_its(self, operation: Operation) -> bool:
        pasids = self.setting.pasids
        foreign = operation.pasid not in pasids
        return operation.pasid == self.pasid or (foreign and self.pasid == pasids[0])

    def calls_to(self, state: State) -> int:
        """How many calls it takes to get to a state."""
        return self.came[state].calls

    def trace(self, state: State, operation: Operation) -> Trace:
        """How to get to a state and make the call, with the faults that it has just met."""
        calls: list[tuple[Operation, Script, Names]] = [(operation, self.recorder.taken, {})]
        while True:
            way = self.came[state]
            if way.parent is None or way.call is None:
                return Trace(self.setting, state, tuple(original(calls[::-1])))
            calls.append((way.call, way.faults, way.names))
            state = way.parent


def _prepared(start: State) -> int:
    """How many calls it would have taken to get to a start: one for each PASID and each reset."""
    return sum(row.slot is not None for row in start.rows) + len(start.resetting)


def observe(
    machine: Machine, recorder: Recorder, state: State, operation: Operation, before: Row
) -> tuple[tuple[Any, ...], Notes]:
    """Make the call in this state, and say all that can be seen of it.

    Returns the parts of a step, and all that is noted then.
    """
    pasid = operation.pasid
    result, found = machine.run(operation)
    events = tuple(recorder.events)
    after, elsewhere, notes = before, False, state.notes
    if (events and events != ONLY_LOCKED) or operation.kind in EVENTS:
        # every change of a row, and all that a call on a PASID does, is an event
        after = machine.row(pasid)
        for other, row in zip(machine.pasids, state.rows, strict=True):
            if other != pasid and machine.row(other) != row:
                elsewhere = True
        notes = machine.notes()
    shown = concerning(pasid, state.notes, notes)
    return (
        operation,
        before,
        events,
        result,
        after,
        found,
        state.resetting,
        elsewhere,
        *shown,
    ), notes


def replay(implementation: Implementation, trace: Trace) -> tuple[Step, ...]:
    """Make the calls of a trace again, with the same faults.

    Args:
        implementation: the one that the trace was found with, or another with the same notions.
        trace: what to do.
    """
    recorder = Recorder(0)
    machine = implementation.boot(trace.setting, recorder)
    return tuple(replaying(implementation, trace, machine, recorder))


def replaying(
    implementation: Implementation, trace: Trace, machine: Machine, recorder: Recorder
) -> Iterator[Step]:
    """Make the calls of a trace one by one; see :func:`replay`."""
    state = trace.start
    for number, (operation, script) in enumerate(trace.calls, 1):
        machine.load(state)
        recorder.follow(script)
        before = machine.row(operation.pasid)
        parts, _ = observe(machine, recorder, state, operation, before)
        step = Step(trace.setting, *parts)
        step.origin = implementation, replace(trace, calls=trace.calls[:number])
        state = state_now(machine)
        yield step


def ends_here(step: Step) -> bool:
    """Whether nothing more is promised: a promise to the core is broken, or the core is.

    A driver that cannot block a PASID (DRV-6), a caller that passes a handle which is published
    already, or detaches what is not attached where a driver has records; a crash, a reservation
    that stays (INV-1), and an entry that names no domain. Where the group's other calls are tried,
    every WARN, and a group without a device.
    """
    slot = step.after.slot
    return (
        step.operation.handle == PUBLISHED
        or isinstance(step.result, str)
        or slot == RESERVED
        or (isinstance(slot, Entry) and slot.domain == NO_DOMAIN)
        or any(call.domain == "blocked" and call.error for call in step.calls)
        or (step.setting.driver and step.misled)
        or (step.operation.kind in LAST and step.result == 0)
        or (step.setting.rid and (step.warnings > 0 or not step.now.members))
    )


def state_now(machine: Machine, notes: Notes | None = None) -> State:
    """The whole state of a machine, as the next call finds it.

    Args:
        machine: the machine.
        notes: what it notes, if that has been asked already.
    """
    rows = tuple([settled(machine.row(pasid)) for pasid in machine.pasids])
    return State(rows, machine.resetting(), machine.notes() if notes is None else notes)


def settled(row: Row) -> Row:
    """The row as the next call finds it: the handle in it is then the published one."""
    slot = row.slot
    if isinstance(slot, Entry) and slot.handle == NEW:
        return Row(Entry(slot.domain, PUBLISHED), row.hardware)
    return row
