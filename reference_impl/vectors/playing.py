# SPDX-License-Identifier: GPL-2.0-only
"""Play a vector: put an implementation into its situation, make its calls, write down what is seen.

Whoever plays is a :class:`Player`. The one here is for everything that the explorer can explore;
:mod:`.program` has one for programs of any language.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from ..contract.clause import CLAUSES
from ..contract.facts import MmFacts, as_notes, bonds, group_facts, mm_facts
from ..contract.implementation import Implementation, Machine
from ..contract.recorder import Recorder
from ..contract.setting import EVENTS, IOMMUFD, NEW, PUBLISHED, Operation, Setting
from ..contract.step import Entry, Row, State, Step, errno_name
from ..contract.walk import observe, state_now
from ..model.objects import Notes
from ..model.observer import MayFail
from .operations import STANDS_FOR
from .table import errno_number
from .vector import DriverCall, Expected, Fault, Pasid, Process, Situation, Vector


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
        self._asked: Counter[str] = Counter()

    def begin(self, faults: tuple[Fault, ...]) -> None:
        """Start afresh with these faults."""
        self.follow(())
        self.wanted = list(faults)
        self._asked.clear()

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
        self._asked[what] += 1
        for fault in self.wanted:
            lacked = "memory" if fault.allocation else fault.need
            if lacked == what and fault.nth == self._asked[what]:
                return fault
        calls = [event[1:3] for event in self.events if event[0] == "call"]
        if what == "memory" or not calls:
            return None
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
            steps += self.other_views(expected, operation, state)
            before = self.machine.row(operation.pasid)
            parts, _ = observe(self.machine, self.recorder, state, operation, before)
            step = Step(self.setting, *parts)
            steps.append(step)
            seen.append(self.seen(step, expected))
            self.publish(step, expected)
            state = state_now(self.machine)
        return Played(tuple(seen), self.situation(state)), steps

    def other_views(self, expected: Expected, operation: Operation, state: State) -> Iterator[Step]:
        """The same operation as the other PASIDs see it, where it concerns them all."""
        concerns_all = operation.kind in EVENTS and operation.kind not in IOMMUFD
        for pasid in self.setting.pasids if concerns_all else ():
            if pasid != operation.pasid:
                self.machine.load(state)
                self.recorder.begin(expected.faults)
                view = operation._replace(pasid=pasid)
                before = self.machine.row(pasid)
                parts, _ = observe(self.machine, self.recorder, state, view, before)
                yield Step(self.setting, *parts)
                self.machine.load(state)
                self.recorder.begin(expected.faults)

    def operation(self, expected: Expected) -> Operation:
        """The operation in the words of the contract: a handle is the published one or a new."""
        arguments = expected.arguments
        handle = arguments.get("handle")
        if handle is not None:
            handle = PUBLISHED if handle == self.handles.get(expected.pasid) else NEW
        given = {STANDS_FOR.get(name, name): value for name, value in arguments.items()}
        return Operation(
            expected.operation,
            given.get("device", self.setting.devices[0].name),
            given.get("pasid", self.setting.pasids[0]),
            given.get("domain"),
            handle if self.setting.handles else None,
            given.get("type"),
            given.get("who"),
        )

    def seen(self, step: Step, expected: Expected) -> Seen:
        """What was seen of a step, in the words of the vector."""
        given = self.given(step, expected)
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

    def given(self, step: Step, expected: Expected) -> str | None:
        """What a new handle is called: as the vector says, or iommufd's own as its table."""
        if self.setting.tables:
            return next((c.domain for c in step.calls if c.domain != "blocked"), None)
        handle: str | None = expected.arguments.get("handle")
        return handle

    def handle(self, name: str | None, pasid: int, given: str | None) -> str | None:
        """The vector's name of a handle."""
        return {NEW: given, PUBLISHED: self.handles.get(pasid)}.get(name or "", name)

    def publish(self, step: Step, expected: Expected) -> None:
        """Note the handle that is now published."""
        slot = step.after.slot
        name = slot.handle if isinstance(slot, Entry) else None
        if self.setting.tables and isinstance(slot, Entry):
            name = slot.domain
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
                named = slot.handle and not self.setting.tables
                handle = self.handles.get(pasid, slot.handle) if named else None
                entry = Entry(slot.domain, handle)
            elif slot is not None:
                entry = Entry(str(slot), None)
            if entry or reached:
                pasids[pasid] = Pasid(entry, reached)  # type: ignore[arg-type]
        facts = None
        if self.setting.rid:
            facts = group_facts(state.notes)._replace(attached=(), max_pasids=())
        processes = processes_of(state.notes) if self.setting.mms else {}
        return Situation(pasids, state.resetting, facts, (), processes)


def processes_of(notes: Notes) -> dict[str, Process]:
    """The processes that are told of."""
    bound = bonds(notes)
    return {
        name: Process(
            each.pasid,
            each.compatible,
            dict(each.domains),
            bound.get(each.pasid, 0) if each.pasid else 0,
        )
        for name, each in mm_facts(notes).items()
    }


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
    if vector.initial.group:
        found.add("group")
    return frozenset(found)


def setting_of(vector: Vector, implementation: Implementation) -> Setting:
    """The group of a vector, as an implementation is booted with it."""
    group = vector.group
    whole = vector.initial.group is not None
    numbers = {*vector.initial.pasids, *vector.final.pasids, *(s.pasid for s in vector.steps)}
    mms = tuple(vector.initial.processes)
    if mms:
        numbers |= set(range(1, min(9, *(d.max_pasids for d in group.devices if d.max_pasids))))
    whole = whole or bool(vector.user)
    with_driver = implementation.habitat is not None and not mms
    operations = {step.operation for step in vector.steps}
    return Setting(
        name=vector.name,
        devices=group.devices,
        domains=tuple(d for d in group.domains if d.ours and d.takes_pasids),
        others=tuple(d for d in group.domains if not (d.ours and d.takes_pasids)),
        pasids=tuple(sorted(numbers | {0} if whole else numbers - {0})) or (1,),
        blocks_pasids=group.blocked_takes_pasids,
        handles="handles" not in implementation.lacks,
        replaces="replace" not in implementation.lacks,
        driver=with_driver,
        rid=whole and not vector.user,
        removals=bool(operations & {"release", "probe"}),
        mms=mms,
        tables=vector.user,
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
    if situation.processes:
        mms = [
            MmFacts(name, each.pasid, each.compatible, tuple(each.domains.items())).fact()
            for name, each in situation.processes.items()
        ]
        tied = [("bond", e.pasid, e.bound) for e in situation.processes.values() if e.bound]
        notes = frozenset([*mms, *tied])
    if situation.group:
        attached = tuple(sorted(p for p, row in situation.pasids.items() if row.entry))
        notes = as_notes(situation.group._replace(attached=attached))
    return State(tuple(rows), situation.resetting, notes)
