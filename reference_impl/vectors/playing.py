# SPDX-License-Identifier: GPL-2.0-only
"""Play a vector: put an implementation into its situation, make its calls, write down what is seen.

Whoever plays is a :class:`Player`. The one here is for everything that the explorer can explore;
:mod:`.program` has one for programs of any language.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from ..contract.clause import CLAUSES
from ..contract.explorer import observe, state_now
from ..contract.implementation import Implementation, Machine
from ..contract.recorder import Recorder
from ..contract.step import (
    NEW,
    PUBLISHED,
    Entry,
    Operation,
    Row,
    Setting,
    State,
    Step,
    errno_name,
)
from ..model.observer import MayFail
from .table import errno_number
from .vector import DriverCall, Expected, Fault, Pasid, Situation, Vector


class CannotPlayError(Exception):
    """The implementation has no notion of what the vector is about; the message says of what."""


class Seen(NamedTuple):
    """What was seen of one step."""

    result: str
    found: str | None
    calls: tuple[DriverCall, ...]
    warns: int
    missed: tuple[Fault, ...] = ()
    """What should have failed, and never came up."""


class Played(NamedTuple):
    """What was seen of a whole vector."""

    steps: tuple[Seen, ...]
    final: Situation
    handles: bool = True
    """Whether there are attach handles, which page requests find."""
    judged: dict[str, bool] = {}  # noqa: RUF012 - never changed
    """The clauses that have something to say of it, where they can be asked: whether they hold."""


class Player(Protocol):
    """Somebody who can play vectors."""

    @property
    def name(self) -> str:
        """What reports call it."""

    def play(self, vector: Vector) -> Played:
        """Play.

        Raises:
            CannotPlayError: it has no notion of what the vector is about.
        """


class NamedFaults(Recorder):
    """Lets fail what a vector names."""

    def __init__(self) -> None:
        super().__init__(faults=0)
        self.wanted: list[Fault] = []
        self._allocations = 0

    def begin(self, faults: tuple[Fault, ...]) -> None:
        """Start afresh with these faults."""
        self.follow(())
        self.wanted = list(faults)
        self._allocations = 0

    def fails(self, what: MayFail) -> int:
        """Fail if the vector says so."""
        fault = self._named(what)
        self._taken.append(fault is not None)
        if fault is None:
            return 0
        self.wanted.remove(fault)
        self.faults += 1
        if what == "memory":
            self.saw(("no memory",))
        elif self.names_faults:
            self.saw(("no", what))
        return errno_number(fault.error)

    def _named(self, what: MayFail) -> Fault | None:
        if what == "memory":
            self._allocations += 1
            number = self._allocations
            return next((f for f in self.wanted if f.allocation and f.nth == number), None)
        calls = [event[1:3] for event in self.events if event[0] == "call"]
        number = calls.count(calls[-1])
        for fault in self.wanted:
            here = (fault.device, fault.domain) == calls[-1] and fault.nth == number
            if here and (what == "driver" or fault.at in ("", what)):
                return fault
        return None


class MachinePlayer:
    """Plays on what the explorer explores: the model, a design, a driver, a kernel's functions.

    Args:
        name: what reports call it.
        implementation: gives the implementation that fits a vector.
        operations: the kinds of operation that it knows.
    """

    def __init__(
        self,
        name: str,
        implementation: Callable[[Vector], Implementation],
        operations: frozenset[str],
    ) -> None:
        self.name = name
        self.implementation = implementation
        self.operations = operations

    def play(self, vector: Vector) -> Played:
        """Play, one call after the other."""
        implementation = self.implementation(vector)
        if lacking := sorted(needs(vector) & implementation.lacks):
            raise CannotPlayError(lacking[0])
        for step in vector.steps:
            if step.operation not in self.operations:
                raise CannotPlayError(step.operation)
        recorder = NamedFaults()
        setting = setting_of(vector, implementation)
        machine = implementation.boot(setting, recorder)
        played, steps = _Game(vector, setting, machine, recorder).played()
        return played._replace(handles=setting.handles, judged=judged(steps, implementation))


class _Game:
    """One vector on one machine."""

    def __init__(
        self, vector: Vector, setting: Setting, machine: Machine, recorder: NamedFaults
    ) -> None:
        self.vector = vector
        self.setting = setting
        self.machine = machine
        self.recorder = recorder
        self.handles = {
            pasid: row.entry.handle
            for pasid, row in vector.initial.pasids.items()
            if row.entry and setting.handles
        }
        """The handle that is published for each PASID."""

    def played(self) -> tuple[Played, list[Step]]:
        """Play it."""
        state = state_of(self.vector.initial, self.setting, self.machine)
        seen, steps = list[Seen](), list[Step]()
        for expected in self.vector.steps:
            self.machine.load(state)
            self.recorder.begin(expected.faults)
            operation = self.operation(expected)
            before = self.machine.row(operation.pasid)
            parts, _ = observe(self.machine, self.recorder, state, operation, before)
            step = Step(self.setting, *parts)
            steps.append(step)
            seen.append(self.seen(step, expected))
            self.publish(step, expected)
            state = state_now(self.machine)
        return Played(tuple(seen), self.situation(state)), steps

    def operation(self, expected: Expected) -> Operation:
        """The operation in the words of the contract: a handle is the published one or a new."""
        arguments = expected.arguments
        handle = arguments.get("handle")
        if handle is not None:
            handle = PUBLISHED if handle == self.handles.get(expected.pasid) else NEW
        return Operation(
            expected.operation,
            arguments.get("device", self.setting.devices[0].name),
            arguments.get("pasid", self.setting.pasids[0]),
            arguments.get("domain"),
            handle if self.setting.handles else None,
            arguments.get("type"),
        )

    def seen(self, step: Step, expected: Expected) -> Seen:
        """What was seen of a step, in the words of the vector."""
        given = expected.arguments.get("handle")
        calls = tuple(
            DriverCall(
                call.device,
                call.domain,
                call.old,
                self.handle(call.reader, call.pasid, given),
                "none" if call.error is None else errno_name(call.error) if call.error else "0",
                call.pasid,
            )
            for call in step.calls
            if call.pasid or self.setting.pasids[0] == 0
        )
        result = step.result
        return Seen(
            result if isinstance(result, str) else errno_name(-result) if result else "0",
            self.handle(step.found, expected.pasid, given),
            calls,
            step.warnings,
            tuple(fault for fault in self.recorder.wanted if not fault.if_asked),
        )

    def handle(self, name: str | None, pasid: int, given: str | None) -> str | None:
        """The vector's name of a handle."""
        return {NEW: given, PUBLISHED: self.handles.get(pasid)}.get(name or "", name)

    def publish(self, step: Step, expected: Expected) -> None:
        """Note the handle that is now published."""
        slot = step.after.slot
        name = slot.handle if isinstance(slot, Entry) else None
        self.handles[expected.pasid] = self.handle(
            name, expected.pasid, expected.arguments.get("handle")
        )

    def situation(self, state: State) -> Situation:
        """A state in the words of the vector."""
        names = [each.name for each in self.setting.devices]
        pasids = {}
        for pasid, (slot, hardware) in zip(self.setting.pasids, state.rows, strict=True):
            reached = {n: d for n, d in zip(names, hardware, strict=True) if d is not None}
            entry = slot
            if isinstance(slot, Entry):
                entry = Entry(slot.domain, self.handles.get(pasid) if slot.handle else None)
            elif slot is not None:
                entry = Entry(str(slot), None)
            if entry or reached:
                pasids[pasid] = Pasid(entry, reached)  # type: ignore[arg-type]
        return Situation(pasids, state.resetting)


def judged(steps: list[Step], implementation: Implementation) -> dict[str, bool]:
    """What the clauses say that an implementation promises; False if it breaks one once."""
    found: dict[str, bool] = {}
    for id, clause in CLAUSES.items():
        if clause.lacking(implementation.lacks, implementation.has):
            continue
        for step in steps:
            verdict = clause.predicate(step) if step.operation.kind in clause.on else None
            if verdict is not None:
                found[id] = found.get(id, True) and verdict is True
    return found


def needs(vector: Vector) -> frozenset[str]:
    """What an implementation must have a notion of to play a vector."""
    found = set()
    published = {row.entry.handle for row in vector.initial.pasids.values() if row.entry}
    for step in vector.steps:
        handle = step.arguments.get("handle")
        if step.operation == "replace":
            found.add("replace")
            if handle is None or handle in published:
                found.add("handles")
        if step.operation == "handle_get":
            found.add("handles")
        if step.operation.startswith("reset"):
            found.add("recovery")
        published.add(handle)
        if step.arguments.get("domain") in ("identity", "blocked"):
            found.add("static domains")
    if vector.initial.resetting:
        found.add("recovery")
    return frozenset(found)


def setting_of(vector: Vector, implementation: Implementation) -> Setting:
    """The group of a vector, as an implementation is booted with it."""
    group = vector.group
    numbers = {*vector.initial.pasids, *vector.final.pasids, *(s.pasid for s in vector.steps)}
    with_driver = implementation.habitat is not None
    operations = {step.operation for step in vector.steps}
    return Setting(
        name=vector.name,
        devices=group.devices,
        domains=tuple(d for d in group.domains if d.ours and d.takes_pasids),
        others=tuple(d for d in group.domains if not (d.ours and d.takes_pasids)),
        pasids=tuple(sorted(numbers - {0})) or (1,),
        blocks_pasids=group.blocked_takes_pasids,
        handles="handles" not in implementation.lacks,
        replaces="replace" not in implementation.lacks,
        driver=with_driver,
        resets=bool(operations & {"reset_prepare", "reset_done"}),
    )


def state_of(situation: Situation, setting: Setting, machine: Machine) -> State:
    """A situation as a state of the contract."""
    rows = []
    for pasid in setting.pasids:
        entry, hardware = situation.pasids.get(pasid, Pasid(None, {}))
        if entry and entry.handle:
            entry = Entry(entry.domain, PUBLISHED if setting.handles else None)
        rows.append(Row(entry, tuple(hardware.get(each.name) for each in setting.devices)))
    notes = frozenset(situation.notes) if situation.notes else machine.notes()
    return State(tuple(rows), situation.resetting, notes)
