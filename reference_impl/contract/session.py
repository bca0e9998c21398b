# SPDX-License-Identifier: GPL-2.0-only
"""A session: make calls on one group by hand, name what fails, and get each call as a step."""

from __future__ import annotations

from dataclasses import replace

from ..model.objects import NO_PASID
from ..model.observer import MayFail
from .group_scope import start
from .implementation import Implementation, PythonMachine
from .known import IMPLEMENTATIONS
from .recorder import Recorder
from .scope import Scope
from .setting import NEW, STRAY, Operation
from .step import Row, State, Step, Trace
from .walk import observe, state_now

__all__ = ["Session"]


class _NamedFaults(Recorder):
    """Fails where it is told to: at the next call of a device, or the next need for a thing."""

    def __init__(self) -> None:
        super().__init__(faults=0)
        self.wanted: list[str] = []

    def fails(self, what: MayFail) -> int:
        """Fail if this is the next thing that shall."""
        here: tuple[str, ...] = (what,)
        calls = [str(event[1]) for event in self.events if event[0] == "call"]
        if what != "memory" and calls:
            here = (calls[-1], f"{calls[-1]}:{what}")
        if not self.wanted or self.wanted[0] not in here:
            return super().fails(what)
        self.wanted.pop(0)
        self._script = (*self._script, *[False] * (len(self._taken) - len(self._script)), True)
        return super().fails(what)


class Session:
    """One group of one implementation, and what has been called so far.

    Args:
        implementation: its name or the thing itself.
        devices: capable devices, d0, d1…; the middle one has the fewest PASIDs.
        incapable: devices without PASIDs, n0, n1…, behind d0.
        domains: paging domains, A, B…
        pasids: PASIDs in use, 1, 2…
        group: which of the groups that its exploration has: ``"two IOMMUs"``, for instance.
        missing: devices that are not in the group at first.

    Raises:
        KeyError: there is no implementation or setting of that name.
        ScopeError: a size makes no sense.
        ValueError: there is no group of that name.
    """

    def __init__(
        self,
        implementation: str | Implementation = "model",
        devices: int = 2,
        incapable: int = 0,
        domains: int = 3,
        pasids: int = 2,
        group: str = "",
        missing: tuple[str, ...] = (),
    ) -> None:
        known = IMPLEMENTATIONS
        self.implementation: Implementation = (
            known[implementation] if isinstance(implementation, str) else implementation
        )
        scope = Scope(devices, incapable, domains, pasids, 0)
        every = {
            setting.name: (setting, starts)
            for setting, starts in scope.starts(
                self.implementation.lacks, self.implementation.habitat
            )
        }
        if group and group not in every:
            raise ValueError(f"there is no group {group!r}, only {', '.join(every)}")
        self.setting, starts = every[group or next(iter(every))]
        first = starts[0]
        if self.setting.rid and missing:
            members = tuple(d.name for d in self.setting.devices if d.name not in missing)
            first = start(self.setting, members)
        self.steps: list[Step] = []
        self._recorder = _NamedFaults()
        self._machine = self.implementation.boot(self.setting, self._recorder)
        self.state: State = first if first.notes else first._replace(notes=self._machine.notes())
        self._trace = Trace(self.setting, self.state, ())
        self._reached = self.state

    def attach(
        self, domain: str, pasid: int = 1, handle: str | None = NEW, fail: str = "", dev: str = ""
    ) -> Step:
        """Attach. *fail* names what fails, in order: devices, or ``memory``."""
        return self._call("attach", domain, pasid, handle, fail, dev)

    def replace(
        self, domain: str, pasid: int = 1, handle: str | None = NEW, fail: str = "", dev: str = ""
    ) -> Step:
        """Replace. ``handle="h"`` passes the handle that is published already."""
        return self._call("replace", domain, pasid, handle, fail, dev)

    def detach(self, domain: str, pasid: int = 1, fail: str = "", dev: str = "") -> Step:
        """Detach."""
        return self._call("detach", domain, pasid, None, fail, dev)

    def handle_get(self, pasid: int = 1, type: str | None = None) -> Step:
        """Look the handle up, as page-request handling does."""
        return self.run(Operation("handle_get", self.setting.devices[0].name, pasid, type=type))

    def call(
        self,
        kind: str,
        dev: str = "",
        domain: str | None = None,
        who: str | None = None,
        fail: str = "",
        pasid: int = NO_PASID,
    ) -> Step:
        """Make a call for the group or for a device of it; see :data:`.setting.EVENTS`.

        Args:
            kind: which.
            dev: the device; the first one if it is empty.
            domain: the domain, if it takes one.
            who: who claims, or whose memory is shared.
            fail: see :meth:`run`.
            pasid: which PASID the step shall show.
        """
        handle = NEW if kind in ("attach_group_handle", "replace_group_handle") else None
        device = dev or self.setting.devices[0].name
        return self.run(Operation(kind, device, pasid, domain, handle, None, who), fail)

    @property
    def said(self) -> str:
        """The sentence with which a call was refused the last time; only Python cores say one."""
        return self._machine.said if isinstance(self._machine, PythonMachine) else ""

    def reset(self, *devices: str) -> None:
        """Put devices under reset: blocked in hardware, while the array keeps its entries."""
        names = [d.name for d in self.setting.devices]
        rows = [
            Row(
                r.slot,
                tuple(None if n in devices else d for n, d in zip(names, r.hardware, strict=True)),
            )
            for r in self.state.rows
        ]
        self.state = State(tuple(rows), devices, self.state.notes)

    def _call(
        self, kind: str, domain: str, pasid: int, handle: str | None, fail: str, dev: str
    ) -> Step:
        if not self.setting.handles:
            handle = None
        device = dev or self.setting.devices[0].name
        return self.run(Operation(kind, device, pasid, domain, handle), fail)

    def run(self, operation: Operation, fail: str = "") -> Step:
        """Make one call.

        Args:
            operation: the call.
            fail: what fails, in order and separated by blanks: the next call of a device (its
                name, or what of its driver's: ``d0:tag``), the array's next allocation
                (``memory``), or what else is needed by its name.

        Raises:
            ValueError: something that should have failed was never tried, or is not there.
        """
        known = {d.name for d in self.setting.devices} | {STRAY}
        if operation.device not in known:
            raise ValueError(f"there is no device {operation.device}, only {sorted(known)}")
        recorder, machine = self._recorder, self._machine
        machine.load(self.state)
        recorder.follow(())
        recorder.wanted = fail.split()
        before = machine.row(operation.pasid)
        parts, _ = observe(machine, recorder, self.state, operation, before)
        step = Step(self.setting, *parts)
        if recorder.wanted:
            raise ValueError(f"{recorder.wanted[0]} was not asked, so it could not fail")
        if self.state != self._reached:  # it was put into another one
            self._trace = Trace(self.setting, self.state, ())
        calls = (*self._trace.calls, (operation, recorder.taken))
        self._trace = replace(self._trace, calls=calls)
        step.origin = self.implementation, self._trace
        self.state = self._reached = state_now(machine)
        self.steps.append(step)
        return step
