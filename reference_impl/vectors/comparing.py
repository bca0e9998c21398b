# SPDX-License-Identifier: GPL-2.0-only
"""What was expected against what was seen, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

from ..contract.clause import CLAUSES
from ..contract.facts import GroupFacts
from ..contract.step import Entry
from .playing import CannotPlayError, Played, Player, Seen
from .table import NONE, UNDEFINED
from .vector import DriverCall, Expected, Fault, Pasid, Process, Situation, Vector


class Outcome(NamedTuple):
    """What became of a vector on one player."""

    vector: Vector
    player: str
    verdict: str
    """``"holds"``, ``"differs"``, ``"breaks REP-7"`` or ``"lacks handles"``; as in a file."""
    differences: tuple[str, ...] = ()
    """Lines for a reader: ``-`` what was expected, ``+`` what was seen."""

    def __repr__(self) -> str:
        return "\n".join(
            (f"{self.vector.name} on {self.player}: {self.verdict}", *self.differences)
        )

    @property
    def differs(self) -> bool:
        """Whether something else was seen than expected."""
        return bool(self.differences)


def replay(vector: Vector, player: Player) -> Outcome:
    """Play a vector and compare.

    A player without attach handles is expected to show the domain wherever a handle would be seen.
    """
    try:
        played = player.play(vector)
    except CannotPlayError as what:
        return Outcome(vector, player.name, f"lacks {what}")
    expected = vector if played.handles else without_handles(vector)
    found = tuple(_differences(expected, played))
    broken = [id for id, holds in played.judged.items() if not holds]
    if found or set(broken) & set(vector.clauses):
        found += tuple(f"  ! {id} is broken: {CLAUSES[id].title}" for id in broken)
    if not found:
        return Outcome(vector, player.name, "holds")
    return Outcome(
        vector, player.name, f"breaks {', '.join(broken)}" if broken else "differs", found
    )


def _differences(vector: Vector, played: Played) -> Iterator[str]:
    for number, (expected, seen) in enumerate(zip(vector.steps, played.steps, strict=True), 1):
        if expected.result == UNDEFINED:
            return
        lines = list(_step(expected, seen))
        if lines:
            yield f"step {number}: {described(expected)}"
            yield from lines
    lines = list(_situation(vector.final, played.final))
    if lines:
        yield "final"
        yield from lines


def _step(expected: Expected, seen: Seen) -> Iterator[str]:
    wanted = [call_line(call) for call in expected.calls]
    got = [call_line(call) for call in seen.calls]
    if wanted != got:
        for kind, a, b, c, d in SequenceMatcher(None, wanted, got, autojunk=False).get_opcodes():
            if kind == "equal":
                yield from (f"    {line}" for line in wanted[a:b])
            else:
                yield from (f"  - {line}" for line in wanted[a:b])
                yield from (f"  + {line}" for line in got[c:d])
    for what in ("result", "found", "warns"):
        yield from _changed(what, getattr(expected, what), getattr(seen, what))
    for fault in seen.missed:
        yield f"  ! never came up, so it could not fail: {fault_line(fault)}"


def _situation(expected: Situation, seen: Situation) -> Iterator[str]:
    yield from _changed("resetting", " ".join(expected.resetting), " ".join(seen.resetting))
    if expected.group and seen.group:
        for name in GroupFacts._fields:
            yield from _changed(name, getattr(expected.group, name), getattr(seen.group, name))
    for name in sorted({*expected.processes, *seen.processes}):
        each = expected.processes.get(name), seen.processes.get(name)
        yield from _changed(f"process {name}", *map(process_line, each))
    nothing = Pasid(None, {})
    for pasid in sorted({*expected.pasids, *seen.pasids}):
        wanted, got = (each.pasids.get(pasid, nothing) for each in (expected, seen))
        yield from _changed(f"PASID {pasid}, array", entry_line(wanted), entry_line(got))
        for device in sorted({*wanted.hardware, *got.hardware}):
            yield from _changed(
                f"PASID {pasid}, {device} reaches",
                wanted.hardware.get(device),
                got.hardware.get(device),
            )


def _changed(what: str, wanted: object, got: object) -> Iterator[str]:
    if wanted != got:
        yield f"  - {what}: {NONE if wanted in (None, '') else wanted}"
        yield f"  + {what}: {NONE if got in (None, '') else got}"


# Lines


def call_line(call: DriverCall) -> str:
    """One driver call on a line."""
    return (
        f"{call.device} sets {call.domain} on PASID {call.pasid} (old: {call.old or NONE}) "
        f"= {call.result}; a page request finds {call.sees or NONE}"
    )


def fault_line(fault: Fault) -> str:
    """What fails, on a line."""
    if fault.allocation:
        return f"allocation {fault.nth} of the array ({fault.error})"
    if fault.need:
        return f"need {fault.nth} of {fault.need} ({fault.error})"
    at = f", its {fault.at}" if fault.at else ""
    again = f" for the {fault.nth}. time" if fault.nth > 1 else ""
    return f"{fault.device} sets {fault.domain}{again}{at} ({fault.error})"


def process_line(process: Process | None) -> str:
    """A process whose memory is shared."""
    if process is None:
        return NONE
    users = ", ".join(f"{count} of {name}" for name, count in process.domains.items())
    return (
        f"PASID {process.pasid or NONE}, users: {users or NONE}, bound here {process.bound} times"
        + ("" if process.compatible else ", and no device can walk its tables")
    )


def entry_line(row: Pasid) -> str:
    """An entry of the array."""
    if row.entry is None:
        return NONE
    return row.entry.domain + (f" by {row.entry.handle}" if row.entry.handle else "")


def described(step: Expected) -> str:
    """An operation with its arguments."""
    arguments = ", ".join(f"{k} {v}" for k, v in step.arguments.items())
    faults = "; ".join(fault_line(fault) for fault in step.faults)
    return f"{step.operation}({arguments}){f'; fails: {faults}' if faults else ''}"


def without_handles(vector: Vector) -> Vector:
    """The same as an implementation shows it that has no handles: it has domains instead."""
    domains: dict[str | None, str] = {
        row.entry.handle: row.entry.domain
        for row in vector.initial.pasids.values()
        if row.entry and row.entry.handle
    }
    for step in vector.steps:
        if handle := step.arguments.get("handle"):
            domains[handle] = step.arguments["domain"]

    def plain(situation: Situation) -> Situation:
        return situation._replace(
            pasids={
                pasid: row._replace(entry=row.entry and Entry(row.entry.domain, None))
                for pasid, row in situation.pasids.items()
            }
        )

    steps = tuple(
        step._replace(calls=tuple(c._replace(sees=domains.get(c.sees, c.sees)) for c in step.calls))
        for step in vector.steps
    )
    return vector._replace(steps=steps, final=plain(vector.final))
