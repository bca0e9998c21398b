# SPDX-License-Identifier: GPL-2.0-only
"""A kernel's core with its own VT-d driver: what that notes and does is read from its memory.

Notes and events are those of :mod:`reference_impl.drivers.vtd_notes`, so that the same clauses
judge them, and so that the model of the driver can be compared step by step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..contract.known import IMPLEMENTATIONS
from ..contract.recorder import Recorder
from ..contract.setting import Setting
from ..contract.step import Entry, Notes
from ..drivers.vtd import PARENT, Vtd
from ..model.objects import EVERY_PASID, Fact
from ..model.observer import Event
from .machine import NONE, Library, Linux
from .remembering_machine import FACT, RememberingMachine

# as in shim/harness.c and shim/vtd.c
RECORD, DID, TAG, IOPF, ZERO, SILENT, FLUSH, DRAIN = range(10, 18)
F_RECORD, F_DID, F_TAG, F_IOPF, F_TABLE, F_ENTRY, F_COPIED, F_DEAD = range(1, 9)
WHOLE, SILENCED, ODD = range(1, 4)
PARENT_NUMBER = 16
KINDS = {"first stage": 1, "second stage": 2, "nested, bad width": 4}
TAGS = ("iotlb", "devtlb", "nesting iotlb", "nesting devtlb")
IOMMU = "dmar0"
WITHOUT_PRI = 1


@dataclass(frozen=True)
class LinuxVtd(Linux):
    """A kernel tree's core and VT-d driver as an implementation."""

    def __post_init__(self) -> None:
        vtd = IMPLEMENTATIONS["vtd"]
        assert vtd.habitat is not None
        resets = "recovery" not in self.lacks
        # the simulated hardware has one IOMMU, and its devices stay
        here = tuple(group for group in vtd.habitat.odd if not group.beginning)
        habitat = replace(vtd.habitat, resets=resets, removals=False, odd=here)
        self.__dict__.update(
            has=frozenset({"driver", "vtd", "flushes"} | ({"resets"} if resets else set())),
            habitat=habitat,
        )

    def boot(self, setting: Setting, recorder: Recorder) -> VtdMachine:
        """Build the group in the shared object."""
        return VtdMachine(self.open(), setting, recorder)


class VtdMachine(RememberingMachine):
    """One group of devices behind one IOMMU."""

    def __init__(self, library: Library, setting: Setting, recorder: Recorder) -> None:
        self._mortal = any(d.type == "sva" for d in setting.domains)
        super().__init__(library, setting, recorder)

    def kind(self, domain: str) -> int:
        """Which kind a domain is; 0 if it is none of the driver's."""
        spec = self.specs.get(domain)
        if spec is None or not (spec.ours and spec.takes_pasids) or spec.type == "identity":
            return 0
        if spec.type == "sva":
            return 5
        return KINDS.get(spec.kind, 3 if spec.type == "nested" else 1)

    def trait(self, device: str) -> bytes:
        """Whether the device cannot ask for pages."""
        return bytes((WITHOUT_PRI,)) if device in Vtd.without_pri else b""

    # States

    def notes(self) -> Notes:
        """What the driver has noted; a dead mm that is attached nowhere has been freed."""
        notes = self._notes
        if not self._mortal or not any(fact[0] == "dead" for fact in notes):
            return notes
        slots = [row.slot for row in self._is]
        named = {slot.domain for slot in slots if isinstance(slot, Entry)}
        return frozenset(f for f in notes if f[0] != "dead" or f[2] in named)

    # Reading

    def _domain(self, number: int) -> str | None:
        return PARENT if number == PARENT_NUMBER else super()._domain(number)

    def _event(self, kind: int, parts: list[int]) -> Event:
        a, b, c, d, e = parts
        if not RECORD <= kind <= DRAIN:
            return super()._event(kind, parts)
        sign = "+" if a else "-"
        if kind == RECORD:
            return ("record", sign, self._domain(b), self._device(c), d)
        if kind == DID:
            return ("did", sign, self._domain(b), c, IOMMU)
        if kind == TAG:
            return ("tag", sign, self._domain(b), TAGS[c], self._where(d), e)
        if kind == IOPF:
            return ("iopf", self._device(a), b)
        if kind == DRAIN:
            return ("drain", self._device(a), b, bool(c))
        return ({ZERO: "zero", SILENT: "silent", FLUSH: "flush"}[kind], self._device(a), b)

    def _where(self, number: int) -> str:
        return IOMMU if number == NONE else self._device(number)

    def _fact(self, octets: bytes) -> Fact:
        kind, a, b, c, d, e, f, _ = octets
        if kind == F_RECORD:
            return ("record", a, self._domain(b), self._device(c), d)
        if kind == F_DID:
            return ("did", None, self._domain(a), IOMMU, b, c)
        if kind == F_TAG:
            return ("tag", a, self._domain(b), TAGS[c], d, self._where(e), f)
        if kind == F_IOPF:
            return ("iopf", None, self._device(a), b)
        if kind == F_TABLE:
            return ("table", None, self._device(a))
        if kind == F_COPIED:
            return ("copied", EVERY_PASID, self._device(a))
        if kind == F_DEAD:
            return ("dead", EVERY_PASID, self._domain(a))
        if c == SILENCED:
            return ("pte", a, self._device(b), "", 0, "", False, True)
        if c == ODD:
            return ("pte", a, self._device(b), "torn", d, "", bool(e), False)
        name = str(self._domain(d))
        spec = self.specs.get(name)
        kind_ = (spec.kind or spec.type) if spec else name
        return ("pte", a, self._device(b), kind_, e, name, True, False)

    def _fact_as_bytes(self, fact: Any) -> bytes:
        kind, about, *rest = fact
        if kind == "record":
            made = [F_RECORD, about, self._number(rest[0]), self._index(rest[1]), rest[2]]
        elif kind == "did":
            made = [F_DID, self._number(rest[0]), rest[2], rest[3]]
        elif kind == "tag":
            name, type_, did, where, users = rest
            made = [F_TAG, about, self._number(name), TAGS.index(type_), did]
            made += [NONE if where == IOMMU else self._index(where), users]
        elif kind == "iopf":
            made = [F_IOPF, self._index(rest[0]), rest[1]]
        elif kind in ("table", "copied"):
            made = [F_TABLE if kind == "table" else F_COPIED, self._index(rest[0])]
        elif kind == "dead":
            made = [F_DEAD, self._number(rest[0])]
        else:
            device, type_, did, name, present, silent = rest
            made = [F_ENTRY, about, self._index(device)]
            if type_ == "torn":
                made += [ODD, did, present]
            elif silent:
                made += [SILENCED]
            else:
                made += [WHOLE, self._number(name), did]
        return bytes(made).ljust(FACT, b"\0")

    def _number(self, domain: str) -> int:
        return PARENT_NUMBER if domain == PARENT else self.domain_at[domain]

    def _index(self, device: str) -> int:
        return self.devices.index(device)
