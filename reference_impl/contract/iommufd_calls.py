# SPDX-License-Identifier: GPL-2.0-only
"""The calls of user space that are tried, and the facts that say which of them make sense."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

from .setting import Operation, Setting
from .step import Notes, State

Calls = Callable[[Setting], list[Operation]]

MISSING = "X"
"""An id that nobody has been given."""
ANSWERS = ("success", "invalid", "failure", "wrong cookie")
"""What user space writes to a queue; ``"wrong cookie"`` is success for a request that is none."""
REQUESTS = 2
"""How many page requests may be without an answer at the same time."""


def user_could(operation: Operation, state: State) -> bool:
    """Whether user space could make this call now, through a driver that keeps its books.

    A device is detached that is attached, or whose whole group is not: the callers of iommufd
    promise it. The number of open page requests is the explorer's own limit.
    """
    if operation.kind == "page_request":
        return len(told(state.notes, "request")) < REQUESTS
    if operation.kind == "iommufd_detach":
        devices = [
            fact[4] for fact in told(state.notes, "attachment") if fact[2] == operation.pasid
        ]
        return not devices or operation.device in devices[0]
    return True


def told(notes: Notes, kind: str) -> list[Any]:
    """The facts of one kind."""
    return [fact for fact in notes if fact[0] == kind]


def attaching(*pts: str) -> Calls:
    """Attach and replace by each of these, and detach, each device and PASID; one beyond, too."""

    def calls(setting: Setting) -> list[Operation]:
        found: list[Operation] = []
        for device, pasid in product(setting.devices, setting.pasids):
            for kind in ("iommufd_attach", "iommufd_replace"):
                found += [Operation(kind, device.name, pasid, pt) for pt in pts]
            found.append(Operation("iommufd_detach", device.name, pasid))
        dev = setting.devices[0]
        found += [Operation("iommufd_attach", dev.name, setting.limit, pt) for pt in pts]
        return found

    return calls


def requesting(setting: Setting) -> list[Operation]:
    """A device asks for pages; user space reads and answers, in right and wrong ways."""
    found: list[Operation] = []
    dev = setting.devices[0].name
    found += [Operation("page_request", dev, pasid) for pasid in setting.pasids]
    for spec in setting.tables:
        if spec.kind == "queue":
            found.append(Operation("fault_read", dev, 0, spec.id))
            found += [Operation("fault_write", dev, 0, spec.id, type=each) for each in ANSWERS]
    return found


def making(setting: Setting) -> list[Operation]:
    """Make tables of every kind from everything, and take everything away."""
    dev = setting.devices[0].name
    ids = [spec.id for spec in setting.tables]
    queue = next(spec.id for spec in setting.tables if spec.kind == "queue")
    found = [Operation("iommufd_hw_info", dev, 0)]
    found += [Operation("iommufd_destroy", dev, 0, id) for id in [*ids, MISSING]]
    for pt in [*ids, "auto1(I)", MISSING]:
        for words in ("", "pasid", "parent", queue, f"parent {queue}", f"pasid {MISSING}"):
            found.append(Operation("iommufd_alloc", dev, 0, pt, type=words or None))
    return found


def by_vfio(setting: Setting) -> list[Operation]:
    """The ioctls of a device's file, and its end."""
    dev = setting.devices[0].name
    pts = [spec.id for spec in setting.tables if spec.kind != "queue"]
    found: list[Operation] = []
    for device, pasid in product(setting.devices, setting.pasids):
        found += [Operation("vfio_attach", device.name, pasid, pt) for pt in pts]
        found.append(Operation("vfio_detach", device.name, pasid))
    for kind, pt in (("vfio_attach", pts[-1]), ("vfio_detach", None)):
        found.append(Operation(kind, dev, 0, pt, type="PASID 0"))
        for pasid, odd in product(setting.pasids, ("short", "without PASID", "unknown flag")):
            found.append(Operation(kind, dev, pasid, pt, type=odd))
    return [*found, Operation("vfio_unbind", dev, 0)]
