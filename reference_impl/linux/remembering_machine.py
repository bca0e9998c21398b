# SPDX-License-Identifier: GPL-2.0-only
"""A kernel's core with a driver that remembers: what it has noted is read and written."""

from __future__ import annotations

from typing import Any

from ..contract.recorder import Recorder
from ..contract.setting import Setting
from ..contract.step import Notes, Row, State
from ..model.observer import Event
from .machine import LACKING, KernelMachine, Library

# as in shim/harness.c, shim/vtd.c and shim/amd.c
DRIVER_WARNED, LACKED = 18, 19
FACT, TORN = 8, 252


class RememberingMachine(KernelMachine):
    """One group of devices whose driver has notes: facts of 8 bytes each."""

    def __init__(self, library: Library, setting: Setting, recorder: Recorder) -> None:
        self._states: dict[Notes, bytes] = {}
        self._nows: dict[bytes, tuple[tuple[Row, ...], tuple[str, ...], Notes]] = {}
        super().__init__(library, setting, recorder)
        self._notes = frozenset()
        recorder.names_faults = True
        self.domain_at["torn"] = TORN

    def load(self, state: State) -> None:
        """Be in this state, with all that the driver has noted in it."""
        super().load(state)
        known = self._states.get(state.notes)
        if known is None:
            known = b"".join(sorted(map(self._fact_as_bytes, state.notes)))
            self._states[state.notes] = known
        self.library.note(self.world, known, len(known))
        self._notes = state.notes or frozenset()

    def _now(self, tail: bytes) -> None:
        known = self._nows.get(tail)
        if known is None:
            rows = self._read_rows(tail)
            at = len(self.pasids) * (2 + len(self.devices))
            flags, facts = tail[at : at + len(self.devices)], tail[at + len(self.devices) :]
            resetting = tuple(d for d, is_ in zip(self.devices, flags, strict=True) if is_)
            notes = frozenset(self._fact(facts[i : i + FACT]) for i in range(0, len(facts), FACT))
            known = self._nows[tail] = rows, resetting, notes
        self._is[:], self._resetting, self._notes = known

    def _domain(self, number: int) -> str | None:
        return "torn" if number == TORN else super()._domain(number)

    def _event(self, kind: int, parts: list[int]) -> Event:
        if kind == LACKED:
            return ("no", LACKING[parts[0]])
        if kind == DRIVER_WARNED:
            return ("driver warn", f"{self.library.warner(parts[0]).decode()}()")
        return super()._event(kind, parts)

    def _fact(self, octets: bytes) -> Any:
        raise NotImplementedError

    def _fact_as_bytes(self, fact: Any) -> bytes:
        raise NotImplementedError
