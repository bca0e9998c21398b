# SPDX-License-Identifier: GPL-2.0-only
"""A kernel's core with its own AMD driver: what that notes and does is read from its memory.

Notes and events are those of :mod:`reference_impl.drivers.amd`, so that the same clauses judge
them, and so that the model of the driver can be compared step by step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..contract.known import IMPLEMENTATIONS
from ..contract.recorder import Recorder
from ..contract.setting import Setting
from ..contract.step import Notes, Row, State
from ..model.observer import Event
from .machine import LACKING, KernelMachine, Library, Linux

# as in shim/harness.c and shim/amd.c
RECORD, DRIVER_WARNED, LACKED, TABLE = 10, 18, 19, 20
F_RECORD, F_NO_TABLE, FACT, TORN = 1, 9, 8, 252


@dataclass(frozen=True)
class LinuxAmd(Linux):
    """A kernel tree's core and AMD driver as an implementation."""

    def __post_init__(self) -> None:
        amd = IMPLEMENTATIONS["amd"]
        self.__dict__.update(has=amd.has, habitat=amd.habitat)

    def boot(self, setting: Setting, recorder: Recorder) -> AmdMachine:
        """Build the group in the shared object."""
        return AmdMachine(self.open(), setting, recorder)


class AmdMachine(KernelMachine):
    """One group of devices whose page tables hang on tables of their own."""

    spread: ClassVar[int] = 512

    def __init__(self, library: Library, setting: Setting, recorder: Recorder) -> None:
        self._nows: dict[bytes, tuple[tuple[Row, ...], tuple[str, ...], Notes]] = {}
        super().__init__(library, setting, recorder)
        self._notes = frozenset()
        recorder.names_faults = True
        self.domain_at["torn"] = TORN

    def kind(self, domain: str) -> int:
        """Whether it is the address space of a process."""
        spec = self.specs.get(domain)
        return int(spec is not None and spec.ours and spec.type == "sva")

    def load(self, state: State) -> None:
        """Be in this state, with all that the driver has noted in it."""
        super().load(state)
        notes: Any = state.notes or frozenset()
        known = b"".join(sorted(map(self._fact_as_bytes, notes)))
        self.library.note(self.world, known, len(known))
        self._notes = notes

    def _fact_as_bytes(self, fact: Any) -> bytes:
        kind, about, *rest = fact
        if kind == "record":
            made = [F_RECORD, about, self.domain_at[rest[0]], self.devices.index(rest[1])]
        else:
            made = [F_NO_TABLE, self.devices.index(rest[0])]
        return bytes(made).ljust(FACT, b"\0")

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

    def _fact(self, octets: bytes) -> Any:
        kind, a, b, c, *_ = octets
        if kind == F_RECORD:
            return ("record", a, self._domain(b), self._device(c))
        return ("no table", None, self._device(a))

    def _domain(self, number: int) -> str | None:
        return "torn" if number == TORN else super()._domain(number)

    def _event(self, kind: int, parts: list[int]) -> Event:
        a, b, c, d, _ = parts
        if kind == RECORD:
            return ("record", "+" if a else "-", self._domain(b), self._device(c), d)
        if kind == TABLE:
            return ("table", "+" if a else "-", self._device(b))
        if kind == LACKED:
            return ("no", LACKING[a])
        if kind == DRIVER_WARNED:
            return ("driver warn", f"{self.library.warner(a).decode()}()")
        return super()._event(kind, parts)
