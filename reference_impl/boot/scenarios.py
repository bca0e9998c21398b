# SPDX-License-Identifier: GPL-2.0-only
"""Every different step of an exploration of the model, as calls that a kernel can make.

A kernel cannot be put into a state: it is called into it, from a group with nothing attached. So a
scenario is the calls to a step and the step's own, each with the faults that it meets, and what the
model shows of the last one, as far as a driver and a page request can see it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

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
    left_out: dict[str, int] = {}
    for model, setting, starts in _settings(scope, groups):
        recorder = _Asking()
        machine = model.boot(setting, recorder)
        assert isinstance(machine, PythonMachine)
        walk = Walk(model, setting, list(starts), scope.faults)
        for number, (step, state) in enumerate(walk, 1):
            trace = walk.trace(state, step.operation)
            calls = [*((each, ()) for each in _towards(setting, trace.start)), *trace.calls]
            why, scenario = _made(machine, recorder, setting, number, calls, step, starts[0])
            if scenario:
                found.append(scenario)
            else:
                left_out[why] = left_out.get(why, 0) + 1
    return tuple(found), left_out


def _settings(
    scope: Scope, groups: tuple[str, ...]
) -> Iterator[tuple[Implementation, Setting, list[State]]]:
    """The settings of a scope, each with its starts; then those of the group's other calls."""
    model = IMPLEMENTATIONS["model"]
    for setting, starts in scope.starts(model.lacks, model.habitat):
        yield model, setting, list(starts)
    group = IMPLEMENTATIONS["model-group"]
    made = {
        setting.name: (setting, starts)
        for setting, starts in group_scope.settings(min(scope.devices, 2), 1)
    }
    for name in groups:
        known, without = GROUPS[name]
        setting, starts = made[known]
        calls = tuple(kind for kind in setting.calls if kind not in without)
        yield group, setting._replace(name=name, calls=calls), starts[:1]


def _towards(setting: Setting, start: State) -> Iterator[Operation]:
    """The calls that lead from an empty group to a state that an exploration starts from."""
    device = setting.devices[0].name
    for pasid, row in zip(setting.pasids, start.rows, strict=True):
        if isinstance(row.slot, Entry):
            handle = NEW if row.slot.handle == PUBLISHED else None
            yield Operation("attach", device, pasid, row.slot.domain, handle)
    for name in start.resetting:
        yield Operation("reset_prepare", name, setting.pasids[0])


def _made(
    machine: PythonMachine,
    recorder: _Asking,
    setting: Setting,
    number: int,
    calls: list[tuple[Operation, Script]],
    wanted: Step,
    start: State,
) -> tuple[str, Scenario | None]:
    """The scenario of these calls, or why there is none."""
    if any(call.device == STRAY and call.kind == "detach" for call, _ in calls):
        return "a detach of a device without a group is a null pointer (DET-7)", None
    state = start
    if not setting.rid:
        state = State((Row(None, (None,) * len(setting.devices)),) * len(setting.pasids))
        state = state._replace(notes=machine.notes())
    made: list[tuple[Operation, Faults]] = []
    warnings, step, expected = 0, wanted, ""
    for operation, script in calls:
        machine.load(state)
        recorder.follow(script)
        parts, _ = observe(machine, recorder, state, operation, machine.row(operation.pasid))
        step = Step(setting, *parts)
        made.append((operation, tuple(recorder.asked_of)))
        if _never_lacking(operation, made[-1][1], state):
            return "an array with nothing in it needs no memory for its first place", None
        warnings += step.warnings
        rows = [machine.row(pasid) for pasid in setting.pasids]
        state = state_now(machine)
        if setting.rid and not group_facts(state.notes).members:
            return "with its last device a group goes", None
        expected = shown(step, rows) + _owned(setting, state)
    if step != wanted:
        return "no calls lead to the state before it", None
    if isinstance(step.result, str):
        return "it crashes", None
    faults = made[-1][1]
    name = f"{setting.name}/{number} {step.operation}"
    met = [_fault(faults, at) for at, (_, error) in enumerate(faults) if error]
    return "", Scenario(
        " ".join([name, *met]).replace("h'", "new").replace(", h)", ", same)"),
        setting,
        tuple(made),
        step,
        expected,
        warnings,
        _left(setting, state),
        setting.rid and _remembers(machine, recorder, setting, calls, start, expected),
    )


def _remembers(
    machine: PythonMachine,
    recorder: _Asking,
    setting: Setting,
    calls: list[tuple[Operation, Script]],
    start: State,
    expected: str,
) -> bool:
    """Whether the last call shows that the group was blocked before the first."""
    facts = group_facts(start.notes)._replace(blocking=True)
    state = start._replace(notes=as_notes(facts))
    shows = ""
    for operation, script in calls:
        machine.load(state)
        recorder.follow(script)
        parts, _ = observe(machine, recorder, state, operation, machine.row(operation.pasid))
        state = state_now(machine)
        rows = [machine.row(pasid) for pasid in setting.pasids]
        shows = shown(Step(setting, *parts), rows) + _owned(setting, state)
    return shows != expected


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
