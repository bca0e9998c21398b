# SPDX-License-Identifier: GPL-2.0-only
"""What iommufd is tried with: small groups, each with the calls of one part of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .iommufd_calls import MISSING, REQUESTS, Calls, attaching, by_vfio, making, requesting
from .scope import Habitat, Scope
from .setting import DeviceSpec, Setting, TableSpec
from .step import Row, State

SPACE = TableSpec("I", "ioas")
OTHER_SPACE = TableSpec("J", "ioas")
QUEUE = TableSpec("Q", "queue")
OTHER_QUEUE = TableSpec("R", "queue")
PARENT = TableSpec("P", "paging", "I", parent=True)
PAGING = TableSpec("S", "paging", "I", pasid=True)
ELSEWHERE = TableSpec("T", "paging", "J", pasid=True)
NESTED = TableSpec("N", "nested", "P", pasid=True)
FAULTS = TableSpec("F", "nested", "P", pasid=True, fault="Q")
OTHER_FAULTS = TableSpec("G", "paging", "I", pasid=True, fault="R")


@dataclass(frozen=True)
class IommufdScope(Scope):
    """How large an exploration of iommufd is: only the devices and the faults can be chosen.

    Args:
        parts: the names of the settings that are wanted; all if empty.
    """

    parts: tuple[str, ...] = ()

    def __str__(self) -> str:
        devices = "1 or 2 devices" if self.devices > 1 else "1 device"
        faults = f"{self.faults} fault{'' if self.faults == 1 else 's'}"
        parts = f", only {' and '.join(self.parts)}" if self.parts else ""
        return (
            f"{devices}, no PASID and 1, up to 7 tables and {REQUESTS} open page requests, "
            f"up to {faults} in an operation{parts}"
        )


@dataclass(frozen=True)
class IommufdHabitat(Habitat):
    """Eleven settings. At most two devices, and PASID 1 beside traffic without a PASID.

    Args:
        parts: see :class:`IommufdScope`.
    """

    parts: tuple[str, ...] = ()

    def within(self, scope: Scope) -> Scope:
        """As large as that, as far as it can be chosen."""
        return IommufdScope(
            max(min(scope.devices, 2), 1), 0, 6, 1, min(scope.faults, 3), self.parts
        )

    def starts(self, scope: Scope, lacks: frozenset[str]) -> Iterator[tuple[Setting, list[State]]]:
        """A group for each part of iommufd."""
        for setting, starts in settings(scope):
            if setting.name in self.parts or not self.parts:
                yield setting, starts


def settings(scope: Scope) -> Iterator[tuple[Setting, list[State]]]:
    """The eleven, with their starts."""

    def setting(
        name: str, devices: tuple[str, ...], tables: tuple[TableSpec, ...], *calls: Calls
    ) -> tuple[Setting, list[State]]:
        specs = tuple(DeviceSpec(each, 4 - n) for n, each in enumerate(devices))
        here = Setting(name, specs, (), (0, 1), driver=True, short=True, tables=tables)
        tried = [operation for part in calls for operation in part(here)]
        nothing = Row(None, (None,) * len(devices))
        return here._replace(tried=tuple(tried)), [State((nothing,) * 2)]

    one: tuple[str, ...] = ("d0",)
    two = ("d0", "d1")[: max(scope.devices, 1)]
    tables = (SPACE, QUEUE, PARENT, PAGING, NESTED)
    yield setting("group", two, tables, attaching("P", "S", "N", "Q", MISSING))
    spaces = (SPACE, OTHER_SPACE, PAGING, ELSEWHERE)
    yield setting("address spaces", two, spaces, attaching("I", "T"))
    yield setting("two spaces", one, spaces, attaching("S", "T"))
    queues = (SPACE, QUEUE, OTHER_QUEUE, PARENT, FAULTS, OTHER_FAULTS)
    yield setting("page requests", one, queues, attaching("P", "F", "G"), requesting)
    plain = ("plain0",)
    yield setting("plain IOMMU", plain, queues[:2] + queues[3:5], attaching("F"), requesting)
    every = (SPACE, QUEUE, PARENT, PAGING, FAULTS)
    yield setting("tables", one, every, attaching("I", "P", "F"), making)
    yield setting("virtual function", ("vf0",), every, attaching("P", "S", "F"))
    raw = ("raw0",)
    more = (*every, OTHER_SPACE, ELSEWHERE)
    yield setting("no IOMMU", raw, more, attaching("I", "P", "T", "F", MISSING), making)
    yield setting("VFIO", two, (SPACE, PARENT, PAGING), by_vfio)
    yield setting("VFIO without PASIDs", ("old0",), (SPACE, PAGING), by_vfio)
    recovery, starts = setting("in recovery", one, every, attaching("I", "P", "S", MISSING))
    yield recovery, [start._replace(resetting=one) for start in starts]
