# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own test of PASIDs in iommufd, as data: what it calls, what it expects, and why.

The calls and expectations are those of ``iommufd_device_pasid.pasid_attach`` and its neighbours in
``tools/testing/selftests/iommu/iommufd.c`` of Linux 7.3; the reasons are ours. The test has two
variants: in one there is a second device, ``E``, which has no PASIDs. Each device is alone in its
group, as mock devices always are, so what is done with ``E`` is played on a group of its own.
"""

from __future__ import annotations

from typing import NamedTuple

from ..drivers.mock import Mock
from .setting import TableSpec
from .step import Entry, Step
from .user_space import UserSpace

TABLES = (
    TableSpec("IOAS", "ioas"),
    TableSpec("FAULT", "queue"),
    TableSpec("P", "paging", "IOAS", parent=True),
    TableSpec("N0", "nested", "P", pasid=True),
    TableSpec("N1", "nested", "P", pasid=True),
    TableSpec("F", "nested", "P", pasid=True, fault="FAULT"),
    TableSpec("N2", "nested", "P", pasid=True),
    TableSpec("S2", "paging", "IOAS", pasid=True),
)
"""What the test makes. (Its ``N2`` is nested through a virtual IOMMU, and never attached.)"""

DIRTY = (*TABLES, TableSpec("DIRTY", "paging", "IOAS", pasid=True, data="dirty"))
"""The same, and a table that tracks what devices write: of ``pasid_set_dirty_tracking``."""

DEVICES = {"D": 1 << 20, "E": 1}
"""The number of PASIDs of each. A property of 0 bits gives 1, not none."""

NOTHING = "nothing"


class Row(NamedTuple):
    """One call of the test, or one look whether the right thing is attached."""

    id: str
    kind: str
    """An operation; or ``"check"``: the PASID must be attached to *pt*, or to nothing."""
    device: str
    pasid: int
    pt: str | None
    expects: str
    """``"0"``, or the name of an errno."""
    clause: str = ""
    """The clause that gives the errno; of a call that succeeds, the one that it shows."""
    special: str | None = None


def _rows(*rows: tuple[object, ...]) -> tuple[Row, ...]:
    return tuple(Row(*row) for row in rows)  # type: ignore[arg-type]


ATTACH, REPLACE, DETACH = "iommufd_attach", "iommufd_replace", "iommufd_detach"

ROWS = _rows(
    ("S0", ATTACH, "D", 0, "IOAS", "0", "IFD-12"),
    ("S0", ATTACH, "E", 0, "IOAS", "0", "IFD-12"),
    ("S1", DETACH, "D", 100, None, "0", "IFD-17"),
    ("S2", REPLACE, "D", 0, "P", "0", "IFD-16"),
    ("S3", ATTACH, "D", 100, "S2", "EINVAL", "IFD-9"),
    ("S4", REPLACE, "D", 0, "S2", "0", "IFD-16"),
    ("S5", ATTACH, "D", 100, "N0", "0", "IFD-13"),
    ("S6", REPLACE, "D", 0, "P", "EINVAL", "IFD-10"),
    ("S7", DETACH, "D", 100, None, "0", "IFD-18"),
    ("S8", "check", "D", 100, NOTHING, "0", "VIS-2"),
    ("S9", REPLACE, "E", 0, "N0", "0", "IFD-16"),
    ("S10", REPLACE, "E", 0, "IOAS", "0", "IFD-12"),
    ("S11", ATTACH, "E", 100, "P", "EINVAL", "IFD-9"),
    ("S12", ATTACH, "E", 100, "S2", "EINVAL", "IFD-9"),
    ("S13", ATTACH, "D", 100, "P", "EINVAL", "IFD-9"),
    ("S14", "check", "D", 100, NOTHING, "0", "VIS-2"),
    ("S15", ATTACH, "D", 100, "IOAS", "EINVAL", "IFD-11"),
    ("S16", "check", "D", 100, NOTHING, "0", "VIS-2"),
    ("S17", ATTACH, "D", 100, "S2", "0", "IFD-13"),
    ("S18", "check", "D", 100, "S2", "0", "VIS-4"),
    ("S19", ATTACH, "D", 100, "N0", "EBUSY", "IFD-3"),
    ("S20", DETACH, "D", 100, None, "0", "IFD-18"),
    ("S20", "check", "D", 100, NOTHING, "0", "VIS-2"),
    ("S21", ATTACH, "D", 100, "N0", "0", "IFD-13"),
    ("S21", "check", "D", 100, "N0", "0", "VIS-4"),
    ("S22", ATTACH, "D", 100, "N0", "EBUSY", "IFD-3"),
    ("S23", DETACH, "D", 100, None, "0", "IFD-18"),
    ("S24", REPLACE, "D", 200, "S2", "EINVAL", "IFD-5"),
    ("S25", ATTACH, "D", 200, "S2", "0", "IFD-13"),
    ("S25", "check", "D", 200, "S2", "0", "VIS-4"),
    ("S26", REPLACE, "D", 200, "IOAS", "EINVAL", "IFD-11"),
    ("S27", "check", "D", 200, "S2", "0", "VIS-4"),
    ("S28", REPLACE, "D", 200, "N0", "0", "IFD-16"),
    ("S28", "check", "D", 200, "N0", "0", "VIS-4"),
    ("S29", REPLACE, "D", 200, "N1", "0", "IFD-16"),
    ("S29", "check", "D", 200, "N1", "0", "VIS-4"),
    ("S30", DETACH, "D", 200, None, "0", "IFD-18"),
    ("S31", ATTACH, "D", 1024, "S2", "0", "IFD-13"),
    ("S31", "check", "D", 1024, "S2", "0", "VIS-4"),
    ("S32", REPLACE, "D", 1024, "N0", "ENOMEM", "IFD-14"),
    ("S33", "check", "D", 1024, "S2", "0", "VIS-4"),
    ("S34", DETACH, "D", 1024, None, "0", "IFD-18"),
    ("S35", ATTACH, "D", 2048, "F", "0", "IFD-13"),
    ("S35", "check", "D", 2048, "F", "0", "VIS-4"),
    ("S36", "page_request", "D", 2048, None, "0", "IFD-23"),
    ("S36", "fault_read", "D", 0, "FAULT", "0", "IFD-25"),
    ("S36", "fault_write", "D", 0, "FAULT", "0", "IFD-26", "success"),
    ("S37", REPLACE, "D", 2048, "S2", "0", "IFD-16"),
    ("S37", "check", "D", 2048, "S2", "0", "VIS-4"),
    ("S38", DETACH, "D", 2048, None, "0", "IFD-18"),
    ("S39", "iommufd_destroy", "D", 0, "F", "0", "IFD-20"),
    ("S39", "iommufd_destroy", "D", 0, "FAULT", "0", "IFD-20"),
    ("S39", REPLACE, "D", 0, "IOAS", "0", "IFD-12"),
)
"""In the test's order."""


class Played(NamedTuple):
    """A row, and what came of it."""

    row: Row
    step: Step
    result: str
    """As the test sees it: ``"0"``, or the name of an errno."""
    said: str
    """The sentence of a refusal."""

    @property
    def passed(self) -> bool:
        """Whether it is what the test expects."""
        return self.result == self.row.expects


def play(
    rows: tuple[Row, ...] = ROWS,
    devices: dict[str, int] = DEVICES,
    tables: tuple[TableSpec, ...] = TABLES,
) -> list[Played]:
    """Play rows with the driver of the test.

    Args:
        rows: what to call.
        devices: the number of PASIDs of each device; a row of another device is left out.
        tables: what user space has made.
    """
    pasids = {row.pasid for row in rows}
    groups = {
        name: UserSpace({name: limit}, tables, pasids, Mock) for name, limit in devices.items()
    }
    played = []
    for row in rows:
        if group := groups.get(row.device):
            if row.kind == "check":
                step = group.attached(row.pasid)
                result = "0" if attached(step) == row.pt else "EINVAL"
            else:
                step = group.call(row.kind, row.pt, row.pasid, special=row.special)
                result = step.outcome.removeprefix("-")
            said = group.said if step.result else ""
            played.append(Played(row, step, result, said))
    return played


def attached(step: Step) -> str:
    """What a look-up has found to be attached."""
    slot = step.before.slot
    return slot.domain if step.result == 0 and isinstance(slot, Entry) else NOTHING
