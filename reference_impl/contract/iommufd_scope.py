# SPDX-License-Identifier: GPL-2.0-only
"""What iommufd is tried with: small groups, each with the calls of one part of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .iommufd_calls import attaching, by_vfio, making, requesting
from .scope import Habitat, Scope
from .step import DeviceSpec, Operation, Row, Setting, State, TableSpec

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

Calls = Callable[[Setting], list[Operation]]


@dataclass(frozen=True)
class IommufdHabitat(Habitat):
    """Seven settings. At most two devices, and PASID 1 beside traffic without a PASID."""

    def starts(
        self, scope: Scope, lacks: frozenset[str]
    ) -> Iterator[tuple[Setting, list[State]]]:
        """A group for each part of iommufd."""

        def setting(
            name: str, devices: tuple[str, ...], tables: tuple[TableSpec, ...], *calls: Calls
        ) -> tuple[Setting, list[State]]:
            specs = tuple(DeviceSpec(each, 4 - n) for n, each in enumerate(devices))
            here = Setting(name, specs, (), (0, 1), driver=True, short=True, tables=tables)
            tried = [operation for part in calls for operation in part(here)]
            nothing = Row(None, (None,) * len(devices))
            return here._replace(tried=tuple(tried)), [State((nothing,) * 2)]

        two = ("d0", "d1")[: max(scope.devices, 1)]
        spaces = (SPACE, OTHER_SPACE, PARENT, PAGING, ELSEWHERE)
        yield setting("group", two, (SPACE, QUEUE, PARENT, PAGING, NESTED), attaching)
        yield setting("address spaces", two, spaces, attaching)
        faults = (SPACE, QUEUE, OTHER_QUEUE, PARENT, PAGING, FAULTS, OTHER_FAULTS)
        yield setting("page requests", ("d0",), faults, attaching, requesting)
        every = (SPACE, QUEUE, PARENT, PAGING, FAULTS)
        yield setting("tables", ("d0",), every, attaching, making)
        yield setting("virtual function", ("vf0",), every, attaching)
        yield setting("no IOMMU", ("raw0",), every, attaching, making)
        yield setting("VFIO", ("d0",), (SPACE, PARENT, PAGING, NESTED), by_vfio)
        yield setting("VFIO without PASIDs", ("old0",), (SPACE, PAGING), by_vfio)
        recovery, starts = setting("in recovery", ("d0",), (SPACE, PARENT, PAGING), attaching)
        yield recovery, [start._replace(resetting=("d0",)) for start in starts]
