# SPDX-License-Identifier: GPL-2.0-only
"""What goes on beside an operation without the group's mutex: a page request, a process's death.

:func:`page_requests_meanwhile` puts one page request beside each operation, its three moves at
every moment: see :mod:`.requests`.

:func:`mm_released_meanwhile` lets a process die, as the notifier does not wait. The address space
of an SVA domain goes away after each event of each operation, all of it then: the notifiers
of VT-d, SMMUv3 and AMD hold a spin lock of the domain from the first entry to the last. Nothing is
interrupted that is given the domain to attach, as the caller holds the address space meanwhile, nor
the calls of a driver that holds it itself while it sets such a domain.

What is right? That it does not matter when it happens: what there is in the end must be what one of
the two orders gives, first one and then the other. Source: ``intel_mm_release()``,
``arm_smmu_mm_release()`` and ``sva_mn_release()``; ``iommu_sva_bind_device()`` for what the caller
holds, ``arm_smmu_sva_set_dev_pasid()`` for what that driver does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..model.observer import Event
from .implementation import Implementation, PythonCore, PythonMachine
from .recorder import Recorder
from .requests import requests
from .scope import Scope
from .setting import Operation, Setting
from .step import Entry, Script, State, Step
from .walk import Walk, observe, replay, state_now


@dataclass(frozen=True)
class PageRequests:
    """How many requests there can be beside the operations of a scope."""

    implementation: str
    scope: Scope
    operations: int
    """How many different operations, refused ones included."""
    interleavings: int
    """How many requests, each with its three moments."""
    fates: int
    """How many of them differ in more than the moments."""

    def __repr__(self) -> str:
        return (
            f"{self.implementation}: {self.operations:,} different operations, "
            f"{self.interleavings:,} ways of one page request beside them, "
            f"{self.fates:,} different fates\nscope: {self.scope}"
        )


def page_requests_meanwhile(
    implementation: Implementation, scope: Scope | None = None
) -> PageRequests:
    """Put one page request beside each operation, in every way.

    Args:
        implementation: what makes the operations.
        scope: how large; two devices, two domains, one PASID and one fault if None.
    """
    scope = (scope or Scope(2, 0, 2, 1, 1)).within(implementation.habitat)
    operations = interleavings = different = 0
    for setting, starts in scope.starts(implementation.lacks, implementation.habitat):
        for step, _ in Walk(implementation, setting, starts, scope.faults):
            fates = [request.fate for request in requests(step)]
            operations += 1
            interleavings += len(fates)
            different += len(set(fates))
    return PageRequests(implementation.name, scope, operations, interleavings, different)


Ending = tuple[int | str, State]
"""What a call returned, and how things are in the end."""


class Interruptible(Recorder):
    """A recorder that lets something else happen after a certain event."""

    def __init__(self) -> None:
        super().__init__(0)
        self.saw = self._saw  # type: ignore[method-assign]
        self._at = 0
        self._action: Callable[[], None] | None = None

    def interrupt(self, at: int, action: Callable[[], None]) -> None:
        """Do it once, after so many events."""
        self._at, self._action = at, action

    def _saw(self, event: Event) -> None:
        self.events.append(event)
        if self._action and len(self.events) == self._at:
            action, self._action = self._action, None
            action()


@dataclass
class Meanwhile:
    """What was found."""

    implementation: str
    scope: Scope
    calls: int | None
    """How many calls there were at most, one after the other."""
    runs: int = 0
    """How many operations were interrupted, each at each of its events."""
    odd: int = 0
    """How many ended as neither order does."""
    steps: tuple[Step, ...] = ()
    """The first of those, with the calls that lead to it; no other has fewer. The end of the
    address space is an event ``("mm_release", domain)``."""
    kinds: dict[str, tuple[Step, ...]] = field(default_factory=dict)
    """The first for each kind of operation."""

    def __repr__(self) -> str:
        return (
            f"{self.implementation}: {self.odd:,} of {self.runs:,} runs end as neither order does\n"
            f"scope: {self.scope}{f', up to {self.calls} calls' if self.calls else ''}, and one "
            "address space that goes away meanwhile"
        )


def mm_released_meanwhile(
    implementation: PythonCore, scope: Scope | None = None, calls: int | None = 4
) -> Meanwhile:
    """Let the address space of each SVA domain go away after each event of each operation.

    Args:
        implementation: a core with a driver that has such domains.
        scope: how large; one device, three domains, one PASID and one fault if None.
        calls: how many calls there are at most; see :func:`.explore`.
    """
    scope = (scope or Scope(1, 0, 3, 1, 1)).within(implementation.habitat)
    found = Meanwhile(implementation.name, scope, calls)
    for setting, starts in scope.starts(implementation.lacks, implementation.habitat):
        if not any(spec.type == "sva" for spec in setting.domains):
            continue
        beside = _Beside(implementation, setting, found)
        walk = Walk(implementation, setting, starts, scope.faults, beside, calls)
        beside.walk = walk
        for _ in walk:
            pass
    return found


class _Beside:
    """Makes each step again, and interrupts it at each of its events."""

    def __init__(self, implementation: PythonCore, setting: Setting, found: Meanwhile) -> None:
        self.implementation, self.setting, self.found = implementation, setting, found
        self.recorder = Interruptible()
        self.machine: PythonMachine = implementation.boot(setting, self.recorder)
        # a driver meets its devices when it is first asked; this one is put into states instead
        getattr(self.machine.driver, "devices", {}).update(self.machine.by_name)
        self.walk: Walk | None = None

    def __call__(self, state: State, plain: tuple[Any, ...], script: Script) -> None:
        operation, _, events, *_ = plain
        if operation.kind == "mm_release" or len(events) <= 2:
            return
        if Step(self.setting, *plain).misled:
            return
        for mm in self._alive(state):
            if mm == operation.domain and operation.kind != "detach":
                continue
            orders = {self._first_the_mm(state, operation, script, mm)}
            orders.add(self._run(state, operation, script, mm, len(events))[0])
            for at in self._moments(events, mm):
                ending, parts = self._run(state, operation, script, mm, at)
                self.found.runs += 1
                if ending not in orders:
                    self._note(state, operation, parts)

    def _moments(self, events: tuple[Event, ...], mm: str) -> Iterator[int]:
        """After which events the address space can go away, but the last."""
        held = False
        for at, event in enumerate(events[:-1], 1):
            if event[0] == "call":
                held = event[2] == mm and getattr(self.machine.driver, "holds_mm", False)
            elif event[0] == "return":
                held = False
            if not held:
                yield at

    def _alive(self, state: State) -> Iterator[str]:
        """The SVA domains that are attached, and whose address space has not gone."""
        attached = {row.slot.domain for row in state.rows if isinstance(row.slot, Entry)}
        dead = {fact[2] for fact in state.notes if fact[0] == "dead"}
        for spec in self.setting.domains:
            if spec.type == "sva" and spec.name in attached - dead:
                yield spec.name

    def _first_the_mm(self, state: State, operation: Operation, script: Script, mm: str) -> Ending:
        self.machine.load(state)
        self.recorder.follow(())
        self.machine.driver.mm_release(self.machine.domains[mm])
        self.recorder.follow(script)
        result, _ = self.machine.run(operation)
        return result, state_now(self.machine)

    def _run(
        self, state: State, operation: Operation, script: Script, mm: str, at: int
    ) -> tuple[Ending, tuple[Any, ...]]:
        """The operation, and after so many events the end of the mm."""
        machine = self.machine
        machine.load(state)
        self.recorder.follow(script)

        def die() -> None:
            self.recorder.events.append(("mm_release", mm))
            machine.driver.mm_release(machine.domains[mm])

        self.recorder.interrupt(at, die)
        parts, _ = observe(machine, self.recorder, state, operation, machine.row(operation.pasid))
        return (parts[3], state_now(machine)), parts

    def _note(self, state: State, operation: Operation, parts: tuple[Any, ...]) -> None:
        found = self.found
        found.odd += 1
        if operation.kind in found.kinds:
            return
        assert self.walk is not None
        before = replay(self.implementation, self.walk.trace(state, operation))[:-1]
        found.kinds[operation.kind] = (*before, Step(self.setting, *parts))
        found.steps = found.steps or found.kinds[operation.kind]
