# SPDX-License-Identifier: GPL-2.0-only
"""Do two implementations make the same steps? Run both in lock-step and compare what is seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from .implementation import Implementation, Machine
from .recorder import Recorder
from .scope import Scope
from .setting import EVENTS
from .step import Script, State, Step
from .walk import Walk, observe


@dataclass
class Differences:
    """What a comparison found."""

    one: str
    other: str
    scope: Scope
    states: int = 0
    steps: int = 0
    different: int = 0
    """How many steps differ."""
    first: tuple[Step, Step] | None = None
    """The first of them, as each made it; no other has fewer calls before it."""

    def __repr__(self) -> str:
        some = f"{self.different or 'no'} difference{'' if self.different == 1 else 's'}"
        lines = [
            f"{self.one} and {self.other}: {some}",
            f"scope: {self.scope}",
            f"{self.states:,} states, {self.steps:,} steps made by both",
        ]
        if self.first:
            lines += [f"{self.one}: {self.first[0]}", f"{self.other}: {self.first[1]}"]
        return "\n".join(lines)


def both(found: Differences, rest: Differences) -> Differences:
    """One comparison with what two found, named as the first."""
    return replace(
        found,
        states=found.states + rest.states,
        steps=found.steps + rest.steps,
        different=found.different + rest.different,
        first=found.first or rest.first,
    )


def differences(
    one: Implementation, other: Implementation, scope: Scope | None = None
) -> Differences:
    """Make every call in every state that *one* reaches, with both, with the same faults.

    The wording of a WARN is no difference; that there is one, and where, is.

    Args:
        one: its states are explored.
        other: what it is compared with; must have the same notions (handles, recovery).
        scope: how large; the default scope if None.
    """
    habitat = other.habitat or one.habitat
    scope = (scope or Scope()).within(habitat)
    found = Differences(one.name, other.name, scope)
    for setting, starts in scope.starts(one.lacks | other.lacks, habitat):
        recorder = Recorder(scope.faults)
        machine = other.boot(setting, recorder)
        beside = _Beside(found, machine, recorder)
        walk = Walk(one, setting, starts, scope.faults, beside)
        for _ in walk:
            pass
        found.states += len(walk.came)
        found.steps += walk.steps
        if beside.first and not found.first:
            mine, theirs = beside.first
            found.first = (Step(setting, *mine), Step(setting, *theirs))
    return found


class _Beside:
    """Makes each step of the one with the other too."""

    def __init__(self, found: Differences, machine: Machine, recorder: Recorder) -> None:
        self.found, self.machine, self.recorder = found, machine, recorder
        self.first: tuple[tuple[Any, ...], tuple[Any, ...]] | None = None
        self.state: State | None = None

    def __call__(self, state: State, mine: tuple[Any, ...], script: Script) -> None:
        machine, recorder = self.machine, self.recorder
        if state is not self.state:
            machine.load(state)
            self.state = state
        recorder.follow(script)
        theirs, notes = observe(machine, recorder, state, mine[0], mine[1])
        if notes or theirs[-3] or mine[0].kind in EVENTS:
            machine.load(state)
        else:
            machine.restore(mine[0].pasid, mine[1])
        if comparable(mine) != comparable(theirs) or script != recorder.taken:
            self.found.different += 1
            self.first = self.first or (mine, theirs)


WORDED = ("warn", "driver warn")


def comparable(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """The parts of a step without the words that an implementation chose itself.

    What a crash leaves behind is no difference either: in C the mutex is held still, and nobody
    knows what memory holds.
    """
    events = tuple(event[:1] if event[0] in WORDED else event for event in parts[2])
    if isinstance(parts[3], str):
        return (*parts[:2], tuple(event for event in events if event != ("unlock",)), "crashed")
    return (*parts[:2], events, *parts[3:])
