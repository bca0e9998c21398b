# SPDX-License-Identifier: GPL-2.0-only
"""The step: what one call does to one PASID of one group, observed from outside.

Plain immutable data. A clause judges it, a diagram draws it, a vector is it as JSON; none of them
knows what kind of implementation it came from.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ..model.objects import EVERY_PASID
from ..model.objects import Notes as Notes
from ..model.observer import Event
from ..model.ownership import EPROBE_DEFER
from .facts import GroupFacts, group_facts
from .setting import DomainSpec, Operation, Setting


class Entry(NamedTuple):
    """A slot of the array as a reader sees it: the domain, and the handle if there is one."""

    domain: str
    handle: str | None


def concerning(pasid: int, before: Notes, after: Notes) -> tuple[Notes, Notes]:
    """Of the notes before and after a call: those on its PASID, and those that changed."""
    if not before and not after:
        return (), ()
    left, came = frozenset(before), frozenset(after)
    same = left & came
    kept = frozenset(fact for fact in same if fact[1] in (pasid, EVERY_PASID))
    return kept | (left - same), kept | (came - same)


RESERVED = "reserved"
Slot = Entry | str | None


def as_slot(seen: object) -> Slot:
    """A slot from what an array event says of it."""
    return Entry(*seen) if isinstance(seen, tuple) else seen  # type: ignore[return-value]


def reader(setting: Setting, slot: Slot) -> str | None:
    """What a page request finds: the handle, or in a core without them the domain."""
    if not isinstance(slot, Entry):
        return None
    return slot.handle if setting.handles else slot.domain


class Row(NamedTuple):
    """What one PASID is: its slot in the array, and what each device's hardware has for it."""

    slot: Slot
    hardware: tuple[str | None, ...]
    """For each device of the setting, the domain that DMA reaches, None for blocked."""


class State(NamedTuple):
    """A whole group between two calls."""

    rows: tuple[Row, ...]
    """For each PASID of the setting."""
    resetting: tuple[str, ...] = ()
    """The devices that a reset has blocked; the group is in recovery while there is one."""
    notes: Notes = ()
    """What else there is: the driver's notes, and the facts of the group (see :mod:`.facts`)."""


Script = tuple[bool, ...]
"""Of each thing in a call that may fail, in order, whether it does; of those behind, none."""


@dataclass(frozen=True)
class Trace:
    """How to get somewhere: a setting, a state, and calls with the faults that they meet."""

    setting: Setting
    start: State
    calls: tuple[tuple[Operation, Script], ...]


def errno_name(number: int) -> str:
    """The kernel's name of an errno."""
    special = {errno.EOPNOTSUPP: "EOPNOTSUPP", EPROBE_DEFER: "EPROBE_DEFER"}
    return special.get(number) or errno.errorcode.get(number, str(number))


class Call(NamedTuple):
    """One driver call, from being asked to the answer."""

    device: str
    domain: str
    old: str | None
    pasid: int
    reader: str | None
    """What a page request finds at this moment."""
    error: int | None
    """The answer: 0 or an errno; None if there was none."""


class Moment(NamedTuple):
    """How things are after an event: the slot, and what each device's DMA reaches."""

    event: Event | None
    slot: Slot
    hardware: tuple[str | None, ...]


class Step:
    """One call on one PASID: what was, what was asked, what happened, what is."""

    origin: tuple[Any, Trace] | None = None
    """Who made it, and how to make it again, where that is kept; no part of what it says."""

    def __init__(
        self,
        setting: Setting,
        operation: Operation,
        before: Row,
        events: tuple[Event, ...],
        result: int | str,
        after: Row,
        found: str | None = None,
        resetting: tuple[str, ...] = (),
        elsewhere: bool = False,
        notes_before: Notes = (),
        notes_after: Notes = (),
    ) -> None:
        self.setting = setting
        self.operation = operation
        self.before = before
        self.events = events
        self.result = result
        """0, a negative errno, or a sentence if the implementation crashed."""
        self.after = after
        self.found = found
        """The handle that a look-up found."""
        self.resetting = resetting
        """The devices under reset meanwhile."""
        self.elsewhere = elsewhere
        """Whether any other PASID of the group was changed."""
        self.notes_before = notes_before
        """What was noted before, of this PASID or what changed: see `concerning`."""
        self.notes_after = notes_after

    def key(self) -> tuple[object, ...]:
        """Everything but the setting, hashable."""
        return (
            self.operation,
            self.before,
            self.events,
            self.result,
            self.after,
            self.found,
            self.resetting,
            self.elsewhere,
            self.notes_before,
            self.notes_after,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Step):
            return NotImplemented
        return self.setting == other.setting and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def __repr__(self) -> str:
        return f"<Step {self.operation} = {self.outcome}>"

    @property
    def outcome(self) -> str:
        """The result with the kernel's name of an error: ``0``, ``-EBUSY``, ``crashed: …``."""
        if isinstance(self.result, str):
            return self.result
        return f"-{errno_name(-self.result)}" if self.result else "0"

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """The driver calls in order."""
        calls: list[Call] = []
        for event in self.events:
            if event[0] == "call":
                calls.append(Call._make((*event[1:], None)))
            elif event[0] == "return":
                calls[-1] = calls[-1]._replace(error=event[2])  # type: ignore[arg-type]
        return tuple(calls)

    @cached_property
    def ours(self) -> tuple[Call, ...]:
        """The calls before anything failed that set the domain of the operation."""
        wanted = self.operation.domain
        return tuple(c for c in self.calls[: self._split] if c.domain == wanted)

    @cached_property
    def failed(self) -> Call | None:
        """The first call that set the domain of the operation and failed."""
        ours = self.ours
        return ours[-1] if ours and ours[-1].error else None

    @cached_property
    def undoing(self) -> tuple[Call, ...]:
        """The calls after that one."""
        return self.calls[self._split :]

    @cached_property
    def _split(self) -> int:
        wanted = self.operation.domain
        for number, call in enumerate(self.calls, 1):
            if call.domain == wanted and call.error:
                return number
        return len(self.calls)

    @cached_property
    def warnings(self) -> int:
        """How many WARNs the kernel would have printed."""
        return sum(event[0] == "warn" for event in self.events)

    @cached_property
    def specs(self) -> dict[str, DomainSpec]:
        """The domains that can be attached, by name."""
        return {d.name: d for d in self.setting.domains}

    @cached_property
    def was(self) -> GroupFacts:
        """The facts of the group before the call."""
        return group_facts(self.notes_before)

    @cached_property
    def now(self) -> GroupFacts:
        """The facts of the group after it."""
        return group_facts(self.notes_after)

    @cached_property
    def members(self) -> tuple[str, ...]:
        """The devices that were in the group, in its order."""
        return self.was.members or tuple(d.name for d in self.setting.devices)

    @cached_property
    def capable(self) -> tuple[str, ...]:
        """Those of them that have PASIDs."""
        if not self.setting.rid:
            return self.setting.capable
        return tuple(name for name in self.members if name in self.setting.capable)

    @cached_property
    def limit(self) -> int:
        """The smallest number of PASIDs that one of those has; 0 where none is capable."""
        if not self.setting.rid:
            return self.setting.limit
        limits = {d.name: d.max_pasids for d in self.setting.devices}
        return min((limits[name] for name in self.capable), default=0)

    @cached_property
    def misled(self) -> bool:
        """Whether it is a detach of what the caller has not attached."""
        slot = self.before.slot
        named = slot.domain if isinstance(slot, Entry) else None
        return self.operation.kind == "detach" and self.operation.domain != named

    @property
    def out_of_memory(self) -> bool:
        """Whether the array could not get memory."""
        return ("no memory",) in self.events

    def at(self, *kinds: str) -> list[int]:
        """The places of the events of these kinds."""
        return [i for i, event in enumerate(self.events) if event[0] in kinds]

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """What the array's slot became, in order."""
        return tuple(as_slot(event[2]) for event in self.events if event[0] == "array")

    def moments(self) -> Iterator[Moment]:
        """The state at each moment: before the call, and after each of its events."""
        slot, hardware = self.before
        names = [d.name for d in self.setting.devices]
        yield Moment(None, slot, hardware)
        for event in self.events:
            if event[0] == "array" and event[1] == self.operation.pasid:
                slot = as_slot(event[2])
            elif event[0] == "entry" and event[2] == self.operation.pasid:
                at = names.index(str(event[1]))
                hardware = (*hardware[:at], event[3], *hardware[at + 1 :])  # type: ignore[arg-type]
            elif event[0] == "handle" and isinstance(slot, Entry) and slot.handle == event[1]:
                slot = slot._replace(domain=str(event[2]))  # its domain is read through the handle
            yield Moment(event, slot, hardware)

    def to_json(self) -> dict[str, object]:
        """The step as plain data."""
        return {
            "setting": self.setting.name,
            "operation": {k: v for k, v in self.operation._asdict().items() if v is not None},
            "before": self._row(self.before),
            "events": [list(event) for event in self.events],
            "result": self.result,
            "after": self._row(self.after),
            "found": self.found,
            "resetting": list(self.resetting),
            "elsewhere": self.elsewhere,
        }

    def _row(self, row: Row) -> dict[str, object]:
        names = [d.name for d in self.setting.devices]
        slot = row.slot
        return {
            "array": slot._asdict() if isinstance(slot, Entry) else slot,
            "hardware": dict(zip(names, row.hardware, strict=True)),
        }
