# SPDX-License-Identifier: GPL-2.0-only
"""Every different step of an exploration of the model, as calls that a kernel can make.

A kernel cannot be put into a state: it is called into it, from a group with nothing attached. So a
scenario is the calls to a step and the step's own, each with the faults that it meets, and what the
model shows of the last one, as far as a driver and a page request can see it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

from ..contract import IMPLEMENTATIONS, Scope, group_scope
from ..contract.facts import as_notes, group_facts
from ..contract.implementation import Implementation, PythonMachine
from ..contract.recorder import Recorder
from ..contract.setting import GROUP, HANDLE, NEW, PUBLISHED, RESETS, STRAY, Operation, Setting
from ..contract.step import Entry, Row, Script, State, Step
from ..contract.walk import Walk, observe, state_now
from ..model.observer import MayFail
from .seen import shown_by

Faults = tuple[tuple[MayFail, int], ...]
"""What was asked whether it fails, in order, and the errno of each answer."""
CLAIMS = (*group_scope.CLAIMS, *group_scope.USES)
MOST_CALLS = 8
"""How many driver calls of one operation can be told to fail."""


@dataclass(frozen=True)
class Scenario:
    """Calls that lead from an empty group to a step, and make it.

    Args:
        name: what reports call it.
        setting: the group.
        calls: the calls, each with its faults.
        step: what the model does in the last one.
        expected: what can be seen of that.
        warnings: how many WARNs all the calls give.
        after: what has to be ended then: how often the group is claimed or used, whether it is
            claimed, and the resets of each device.
        fresh: whether it would be otherwise in a group that was blocked before; a group remembers.
    """

    name: str
    setting: Setting
    calls: tuple[tuple[Operation, Faults], ...]
    step: Step
    expected: str
    warnings: int
    after: tuple[int, bool, tuple[int, ...]] = (0, False, ())
    fresh: bool = False

    @cached_property
    def clauses(self) -> tuple[str, ...]:
        """Those that are seen to hold in it."""
        return shown_by(self.step)


class _Asking(Recorder):
    """A recorder that remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(0)
        self.asked_of: list[tuple[MayFail, int]] = []

    def fails(self, what: MayFail) -> int:
        """Follow the script."""
        answer = super().fails(what)
        self.asked_of.append((what, answer))
        return answer

    def follow(self, script: Script) -> None:
        """Start afresh."""
        super().follow(script)
        self.asked_of = []


GROUPS = {
    "claims": ("whole group", RESETS),
    "group resets": ("whole group", CLAIMS),
    "devices come and go": ("devices come and go", (*RESETS, *CLAIMS)),
}
"""The group's other calls: each with the setting that has them, and what is left out of it. All
together would be many thousands of steps more, and hardly other ones."""


@cache
def within(
    scope: Scope, groups: tuple[str, ...] = tuple(GROUPS)
) -> tuple[tuple[Scenario, ...], dict[str, int]]:
    """Every different step of the model within a scope.

    Args:
        scope: how large.
        groups: of the group's other calls those that are made, see :data:`GROUPS`.

    Returns:
        The scenarios; and how many steps cannot be made so, by why.
    """
    found: list[Scenario] = []
    left_out: Counter[str] = Counter()
    model = IMPLEMENTATIONS["model"]
    parts = [
        _steps(model, setting, tuple(starts), scope.faults)
        for setting, starts in scope.starts(model.lacks, model.habitat)
    ]
    parts += [_of_group(name, min(scope.devices, 2), scope.faults) for name in groups]
    for made, without in parts:
        found += made
        left_out += without
    return tuple(found), dict(left_out)


@cache
def _of_group(name: str, devices: int, faults: int) -> tuple[list[Scenario], Counter[str]]:
    """The steps of the group's other calls."""
    known, without = GROUPS[name]
    setting, starts = next(
        each for each in group_scope.settings(devices, 1) if each[0].name == known
    )
    calls = tuple(kind for kind in setting.calls if kind not in without)
    setting = setting._replace(name=name, calls=calls)
    return _steps(IMPLEMENTATIONS["model-group"], setting, tuple(starts[:1]), faults)


def _steps(
    model: Implementation, setting: Setting, starts: tuple[State, ...], faults: int
) -> tuple[list[Scenario], Counter[str]]:
    """The steps of one setting; and how many cannot be made, by why."""
    found: list[Scenario] = []
    left_out: Counter[str] = Counter()
    caller = _Caller(model, setting, starts[0])
    walk = Walk(model, setting, list(starts), faults)
    for number, (step, state) in enumerate(walk, 1):
        trace = walk.trace(state, step.operation)
        calls = (*((each, ()) for each in _towards(setting, trace.start)), *trace.calls)
        try:
            found.append(caller.scenario(number, calls, step))
        except _ImpossibleError as why:
            left_out[str(why)] += 1
    return found, left_out


def _towards(setting: Setting, start: State) -> Iterator[Operation]:
    """The calls that lead from an empty group to a state that an exploration starts from."""
    device = setting.devices[0].name
    for pasid, row in zip(setting.pasids, start.rows, strict=True):
        if isinstance(row.slot, Entry):
            handle = NEW if row.slot.handle == PUBLISHED else None
            yield Operation("attach", device, pasid, row.slot.domain, handle)
    for name in start.resetting:
        yield Operation("reset_prepare", name, setting.pasids[0])


class _ImpossibleError(Exception):
    """A step that cannot be made so; the message says why."""


Calls = tuple[tuple[Operation, Script], ...]


class _Made(NamedTuple):
    """What a call did."""

    step: Step
    faults: Faults
    rows: list[Row]
    """What the PASIDs are then."""
    state: State
    """The same, as the next call finds it."""


class _Caller:
    """Makes calls one after the other, from a group with nothing attached.

    The way to a state is that of all steps from there: each call of it is made once.
    """

    def __init__(self, model: Implementation, setting: Setting, start: State) -> None:
        self.setting = setting
        self.recorder = _Asking()
        machine = model.boot(setting, self.recorder)
        assert isinstance(machine, PythonMachine)
        self.machine = machine
        nothing = Row(None, (None,) * len(setting.devices))
        empty = State((nothing,) * len(setting.pasids), notes=machine.notes())
        self.start = start if setting.rid else empty
        self.made: dict[tuple[State, Calls], _Made] = {}

    def scenario(self, number: int, calls: Calls, wanted: Step) -> Scenario:
        """The scenario of these calls.

        Args:
            number: of the step, within its setting.
            calls: those to the step, and the step's own.
            wanted: the step.

        Raises:
            _ImpossibleError: there is none.
        """
        if any(call.device == STRAY and call.kind == "detach" for call, _ in calls):
            raise _ImpossibleError("a detach of a device without a group is a null pointer (DET-7)")
        setting = self.setting
        made = [self.after(self.start, calls[:n]) for n in range(1, len(calls) + 1)]
        step, faults, _, state = made[-1]
        if step != wanted:
            raise _ImpossibleError("no calls lead to the state before it")
        if isinstance(step.result, str):
            raise _ImpossibleError("it crashes")
        expected = self.shown(made[-1])
        name = f"{setting.name}/{number} {step.operation}"
        met = [_fault(faults, at) for at, (_, error) in enumerate(faults) if error]
        return Scenario(
            " ".join([name, *met]).replace("h'", "new").replace(", h)", ", same)"),
            setting,
            tuple((each.step.operation, each.faults) for each in made),
            step,
            expected,
            sum(each.step.warnings for each in made),
            _left(setting, state),
            setting.rid and self.shown(self.after(self.blocked(), calls)) != expected,
        )

    def blocked(self) -> State:
        """The start, in a group that was blocked before; that it still remembers."""
        facts = group_facts(self.start.notes)._replace(blocking=True)
        return self.start._replace(notes=as_notes(facts))

    def after(self, start: State, calls: Calls) -> _Made:
        """What the last of these calls does.

        Raises:
            _ImpossibleError: it cannot be made, or another before.
        """
        if (start, calls) not in self.made:
            self.made[start, calls] = self._call(start, calls)
        return self.made[start, calls]

    def _call(self, start: State, calls: Calls) -> _Made:
        *_, (operation, script) = calls
        state = self.after(start, calls[:-1]).state if calls[1:] else start
        machine, recorder = self.machine, self.recorder
        machine.load(state)
        recorder.follow(script)
        parts, _ = observe(machine, recorder, state, operation, machine.row(operation.pasid))
        faults = tuple(recorder.asked_of)
        if _never_lacking(operation, faults, state):
            why = "an array with nothing in it needs no memory for its first place"
            raise _ImpossibleError(why)
        rows = [machine.row(pasid) for pasid in self.setting.pasids]
        after = state_now(machine)
        if self.setting.rid and not group_facts(after.notes).members:
            raise _ImpossibleError("with its last device a group goes")
        return _Made(Step(self.setting, *parts), faults, rows, after)

    def shown(self, made: _Made) -> str:
        """A call as the kernel's side writes down what it sees."""
        return shown(made.step, made.rows) + _owned(self.setting, made.state)


def _never_lacking(operation: Operation, faults: Faults, before: State) -> bool:
    """Whether memory would have to be lacking where none is needed: for index 0 and no other."""
    lacks = any(what == "memory" and error for what, error in faults)
    empty = all(row.slot is None for row in before.rows)
    return lacks and operation.pasid == 0 and operation.kind in (*GROUP, *HANDLE) and empty


def _left(setting: Setting, state: State) -> tuple[int, bool, tuple[int, ...]]:
    """What has to be ended after a step, see :class:`Scenario`."""
    if not setting.rid:
        return 0, False, tuple(int(d.name in state.resetting) for d in setting.devices)
    facts = group_facts(state.notes)
    depths = tuple(facts.depth(d.name) for d in setting.devices)
    return facts.owner_cnt, facts.owner is not None, depths


def _fault(faults: Faults, at: int) -> str:
    """A fault in words: the array's memory, or which driver call fails."""
    if faults[at][0] == "memory":
        return "no-memory"
    return f"fails-{1 + sum(what != 'memory' for what, _ in faults[:at])}"


def _owned(setting: Setting, state: State) -> str:
    """Whose a group is, what serves DMA without a PASID, and who is in it, as the kernel says."""
    if not setting.rid:
        return ""
    facts = group_facts(state.notes)
    owner = facts.owner or ("used" if facts.owner_cnt else "-")
    return " ".join([f"; owner {owner} {_or(facts.domain)}", *sorted(facts.members)])


def shown(step: Step, rows: list[Row]) -> str:
    """A step as the kernel's side writes down what it sees: calls, result, and how all is then."""
    parts = [
        f" {c.device}/{c.pasid}:{c.domain}<{_or(c.old)}@{_or(c.reader)}={c.error}"
        for c in step.calls
    ]
    parts.append(f" = {step.result}")
    if step.operation.kind == "handle_get":
        parts.append(f" {_or(step.found)}")
    for slot, hardware in rows:
        entry = slot if isinstance(slot, Entry) and slot.handle else None
        handle = f"{entry.handle}:{entry.domain}" if entry else "-:-"
        parts.append(f"; {handle} {' '.join(map(_or, hardware))}")
    return "".join(parts)


def _or(name: str | None) -> str:
    return "-" if name is None else name
