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
from ..model.observer import Event
from .machine import Linux
from .remembering_machine import FACT, RememberingMachine

# as in shim/harness.c and shim/amd.c
RECORD, TABLE = 10, 20
F_RECORD, F_NO_TABLE = 1, 9


@dataclass(frozen=True)
class LinuxAmd(Linux):
    """A kernel tree's core and AMD driver as an implementation."""

    def __post_init__(self) -> None:
        amd = IMPLEMENTATIONS["amd"]
        self.__dict__.update(has=amd.has, habitat=amd.habitat)

    def boot(self, setting: Setting, recorder: Recorder) -> AmdMachine:
        """Build the group in the shared object."""
        return AmdMachine(self.open(), setting, recorder)


class AmdMachine(RememberingMachine):
    """One group of devices, each with a table of its own that leads to its page tables."""

    spread: ClassVar[int] = 512

    def kind(self, domain: str) -> int:
        """Whether it is the address space of a process."""
        spec = self.specs.get(domain)
        return int(spec is not None and spec.ours and spec.type == "sva")

    def _fact_as_bytes(self, fact: Any) -> bytes:
        kind, about, *rest = fact
        if kind == "record":
            made = [F_RECORD, about, self.domain_at[rest[0]], self.devices.index(rest[1])]
        else:
            made = [F_NO_TABLE, self.devices.index(rest[0])]
        return bytes(made).ljust(FACT, b"\0")

    def _fact(self, octets: bytes) -> Any:
        kind, a, b, c, *_ = octets
        if kind == F_RECORD:
            return ("record", a, self._domain(b), self._device(c))
        return ("no table", None, self._device(a))

    def _event(self, kind: int, parts: list[int]) -> Event:
        a, b, c, d, _ = parts
        if kind == RECORD:
            return ("record", "+" if a else "-", self._domain(b), self._device(c), d)
        if kind == TABLE:
            return ("table", "+" if a else "-", self._device(b))
        return super()._event(kind, parts)
