# SPDX-License-Identifier: GPL-2.0-only
"""Vectors in the making: what an exploration found, with names for what fails and for handles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count

from reference_impl.contract import IMPLEMENTATIONS
from reference_impl.contract.facts import group_facts
from reference_impl.contract.implementation import PythonCore
from reference_impl.contract.recorder import Recorder
from reference_impl.contract.setting import NEW, PUBLISHED, Operation
from reference_impl.contract.step import Entry, State, Trace, errno_name
from reference_impl.contract.walk import observe, state_now
from reference_impl.model.observer import MayFail
from reference_impl.vectors import Vector, known
from reference_impl.vectors.operations import OPERATIONS, STANDS_FOR
from reference_impl.vectors.playing import Seen, processes_of
from reference_impl.vectors.table import UNDEFINED
from reference_impl.vectors.vector import Expected, Fault, Group, Pasid, Situation
from reference_impl.vectors.writing import as_toml


class Naming(Recorder):
    """Follows a script, and names what fails."""

    def __init__(self, by_need: bool) -> None:
        super().__init__(0)
        self.by_need = by_need
        self.named: list[Fault] = []
        self.needs: Counter[str] = Counter()

    def follow(self, script: tuple[bool, ...]) -> None:
        """Start afresh."""
        super().follow(script)
        self.named, self.needs = [], Counter()

    def fails(self, what: MayFail) -> int:
        """Note it."""
        error = super().fails(what)
        self.needs[what] += 1
        if what == "memory":
            if error:
                self.named.append(Fault("ENOMEM", nth=self.needs[what], allocation=True))
        elif error and self.by_need and what != "driver":
            self.named.append(Fault(errno_name(error), nth=self.needs[what], need=what))
        elif error:
            calls = [event[1:3] for event in self.events if event[0] == "call"]
            device, domain = map(str, calls[-1])
            at = "" if what == "driver" else what
            self.named.append(Fault(errno_name(error), device, domain, calls.count(calls[-1]), at))
        return error


def named_faults(implementation: PythonCore, trace: Trace) -> list[tuple[Fault, ...]]:
    """What fails in each call of a trace."""
    recorder = Naming(bool(trace.setting.tables or trace.setting.mms))
    machine = implementation.boot(trace.setting, recorder)
    state, found = trace.start, []
    for operation, script in trace.calls:
        machine.load(state)
        recorder.follow(script)
        observe(machine, recorder, state, operation, machine.row(operation.pasid))
        found.append(tuple(recorder.named))
        state = state_now(machine)
    return found


class Draft:
    """A vector in the making: what is done is known, what is expected is not.

    Args:
        trace: what is done.
        faults: what fails in each call.
        driver: whose answers are expected.
        family: whose domains they are.
    """

    def __init__(
        self, trace: Trace, faults: list[tuple[Fault, ...]], driver: str, family: str
    ) -> None:
        self.setting = trace.setting
        self.names = (f"h{number}" for number in count(1))
        self.handles: dict[int, str | None] = {}
        self.initial = self.situation(trace.start)
        self.operations = [operation for operation, _ in trace.calls]
        self.faults = faults
        self.group = self.used(driver, family)

    def used(self, driver: str, family: str) -> Group:
        """The devices, and the domains that occur."""
        setting = self.setting
        names = {operation.domain for operation in self.operations}
        names |= {row.entry.domain for row in self.initial.pasids.values() if row.entry}
        domains = [each for each in (*setting.domains, *setting.others) if each.name in names]
        return Group(setting.devices, tuple(domains), driver, family, setting.blocks_pasids)

    def situation(self, state: State) -> Situation:
        """A state, with a name for each handle."""
        pasids = {}
        for pasid, (slot, hardware) in zip(self.setting.pasids, state.rows, strict=True):
            names = [each.name for each in self.setting.devices]
            reached = {n: d for n, d in zip(names, hardware, strict=True) if d is not None}
            entry = None
            if isinstance(slot, Entry):
                self.handles[pasid] = next(self.names) if slot.handle else None
                entry = Entry(slot.domain, self.handles[pasid])
            if entry or reached:
                pasids[pasid] = Pasid(entry, reached)
        notes = tuple(sorted(fact for fact in state.notes if fact[0] == "copied"))
        facts = None
        if self.setting.rid:
            facts = group_facts(state.notes)._replace(attached=(), max_pasids=())
        processes = processes_of(state.notes) if self.setting.mms else {}
        return Situation(pasids, state.resetting, facts, notes, processes)

    def vector(
        self, name: str, title: str, clauses: list[str], sources: list[str], keep: bool = False
    ) -> Vector:
        """The vector, with what the reference shows for what is expected."""
        steps = [
            Expected(o.kind, self.arguments(o), faults, "0", None, (), 0)
            for o, faults in zip(self.operations, self.faults, strict=True)
        ]
        draft = Vector(
            name,
            title,
            tuple(clauses),
            tuple(sources),
            self.group,
            self.initial,
            tuple(steps),
            Situation({}),
            {},
            user=self.setting.tables,
        )
        return expecting(draft, keep)

    def arguments(self, operation: Operation) -> dict[str, object]:
        """The arguments by name."""
        kind = OPERATIONS[operation.kind]
        given = operation._asdict()
        handle = operation.handle
        if not self.setting.handles and "handle" in kind.may_have:
            handle = NEW  # there were none; today every caller has one
        if handle == NEW:
            handle = next(self.names)
            self.handles[operation.pasid] = handle
        elif handle == PUBLISHED:
            handle = self.handles[operation.pasid]
        given["handle"] = handle
        given |= {field: given[name] for field, name in STANDS_FOR.items()}
        return {
            field: given[field]
            for field in (*kind.needs, *kind.may_have)
            if given[field] is not None
        }


def expecting(draft: Vector, keep: bool) -> Vector:
    """A vector that expects what the reference shows.

    Args:
        draft: the vector so far.
        keep: whether faults that never come up there stay, and may come up elsewhere.
    """
    player = known.player(IMPLEMENTATIONS["model"])
    played = player.play(draft)
    missed = [seen.missed for seen in played.steps]
    if any(missed):
        steps = tuple(
            step._replace(faults=tuple(without(step.faults, gone, keep)))
            for step, gone in zip(draft.steps, missed, strict=True)
        )
        return expecting(draft._replace(steps=steps), keep)
    steps = tuple(as_seen(step, seen) for step, seen in zip(draft.steps, played.steps, strict=True))
    if steps[-1].result == UNDEFINED:
        return draft._replace(steps=steps)
    return draft._replace(steps=steps, final=played.final)


def without(faults: tuple[Fault, ...], missed: tuple[Fault, ...], keep: bool) -> Iterator[Fault]:
    """The faults without those that never come up; or with them, saying so."""
    for fault in faults:
        if fault not in missed:
            yield fault
        elif keep:
            yield fault._replace(if_asked=True)


def as_seen(step: Expected, seen: Seen) -> Expected:
    """A step that expects what was seen; a crash is what nothing can be promised of."""
    if seen.result.startswith("crashed"):
        return step._replace(result=UNDEFINED)
    return step._replace(result=seen.result, found=seen.found, calls=seen.calls, warns=seen.warns)


def scenario(vector: Vector) -> str:
    """What two vectors have in common that are the same but for what they are about."""
    plain = vector._replace(name="", title="", clauses=(), sources=(), note="", verdict={})
    return as_toml(plain)
