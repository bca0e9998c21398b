# SPDX-License-Identifier: GPL-2.0-only
"""The published vectors of iommufd and VFIO as calls that user space can make.

There are two devices to make them on, and for few a third, which has no IOMMU. The kernel's mock
device has PASIDs, nested tables and page requests, and something attached for DMA without a PASID
from the moment that it exists. A PCI device behind QEMU's VT-d is VFIO's: it has nothing attached
at first, but also none of the rest. In the end all tables are destroyed: one in use stays. A mock
device that goes with a PASID attached is a WARN (OWN-4), so that is detached then.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator

from ..contract.setting import DeviceSpec, TableSpec
from ..vectors import Vector
from ..vectors.vector import Expected

PCI = "0000:00:05.0"
"""Where QEMU's device is."""
WIDTH = 20
"""How many bits a PASID of a mock device has."""
FLAGS = {"dirty": "dirty"}
ALONE = "a device of the kernel's is alone in its group"


class Unfit(Exception):  # noqa: N818  a property of a vector, not a mistake
    """User space cannot do that: why."""


def lines_of(vectors: Iterable[Vector]) -> str:
    """All that can be done, in the form that guest/user.c reads."""
    found = [line for each in vectors if plays(each) for line in lines(each)]
    return "".join(f"{line}\n" for line in found)


def plays(vector: Vector) -> bool:
    """Whether user space can play a vector."""
    return of_user(vector) and not unfit(vector)


def of_user(vector: Vector) -> bool:
    """Whether a vector is about calls of user space."""
    return bool(vector.user)


def unfit(vector: Vector) -> str:
    """Why user space cannot play a vector; empty if it can."""
    try:
        lines(vector)
    except Unfit as unfit:
        return str(unfit)
    return ""


def lines(vector: Vector) -> list[str]:
    """A vector as calls.

    Raises:
        Unfit: user space cannot make them.
    """
    if any(step.operation.startswith("vfio") for step in vector.steps):
        return list(_Vfio(vector).lines())
    if any(device.name.startswith("raw") for device in vector.group.devices):
        return list(_Raw(vector).lines())
    try:
        return list(_Mock(vector).lines())
    except Unfit as first:
        try:
            return list(_Vfio(vector).lines())
        except Unfit:
            raise first from None


class _Device:
    """The calls of a vector, on one kind of device."""

    def __init__(self, vector: Vector) -> None:
        self.vector = vector
        self.tables = {table.id: table for table in vector.user}
        used = {s.arguments["device"] for s in vector.steps if "device" in s.arguments}
        if len(used) > 1:
            raise Unfit(ALONE)
        devices = [d for d in vector.group.devices if d.name in used] or [vector.group.devices[0]]
        self.device: DeviceSpec = devices[0]
        if self.device.name.startswith("vf"):
            raise Unfit("it is about a virtual function")
        if self.device.name.startswith("old"):
            raise Unfit("it is about a VFIO driver without PASIDs, and there is none in the guest")
        if vector.initial.pasids or vector.initial.resetting:
            raise Unfit("something is attached or reset before its first call")
        self.held: dict[int, str] = {}
        """What is attached, by PASID."""
        self.gone: set[str] = set()

    def lines(self) -> Iterator[str]:
        """All of them."""
        yield f"vector {self.vector.name}"
        yield from self.begin()
        for step in self.vector.steps:
            if any(f.need != "copy" for f in step.faults):
                lacks = any(f.allocation or f.need for f in step.faults)
                raise Unfit(
                    "memory has to be lacking at one moment"
                    if lacks
                    else "a driver's call has to fail that never does here"
                )
            yield from self.step(step)
            self.note(step)
        yield from self._ends()
        yield from self.detached()
        yield f"end  # {' '.join(self.vector.clauses)}"

    def begin(self) -> Iterator[str]:
        """The device and its tables."""
        raise NotImplementedError

    def step(self, step: Expected) -> Iterator[str]:
        """One call."""
        raise NotImplementedError

    def note(self, step: Expected) -> None:
        """Keep in mind what is attached now."""
        pasid = step.pasid
        kind = step.operation.partition("_")[2]
        if step.result == "0" and kind in ("attach", "replace"):
            self.held[pasid] = step.arguments["table"]
        elif step.result == "0" and kind == "detach":
            self.held.pop(pasid, None)
        elif step.result == "0" and kind == "destroy":
            self.gone.add(step.arguments["table"])
        elif kind == "unbind":
            self.held.clear()
        elif kind == "attach" and any(f.need == "copy" and f.nth == 2 for f in step.faults):
            self.held.pop(pasid, None)

    def making(self, device: str) -> Iterator[str]:
        """The lines that make the tables, each after what it needs."""
        for table in sorted(self.tables.values(), key=lambda t: RANKS[t.kind]):
            if table.kind in ("ioas", "queue"):
                yield f"{'ioas' if table.kind == 'ioas' else 'fault'} {table.id}"
            else:
                yield self.table(device, table)

    def table(self, device: str, table: TableSpec) -> str:
        """The line that makes a table."""
        words = [table.kind, table.id, device, table.of]
        words += ["pasid"] * table.pasid + ["parent"] * table.parent
        if table.data:
            words.append(FLAGS[table.data])
        if table.fault:
            words.append(f"fault={table.fault}")
        return " ".join(words)

    def _ends(self) -> Iterator[str]:
        """All tables are destroyed, those that others need last. What is in use stays."""
        left = {id for id in self.tables if id not in self.gone}
        for table in sorted(self.tables.values(), key=lambda t: -RANKS[t.kind]):
            if table.id in self.gone:
                continue
            needed = any(table.id in (self.tables[id].of, self.tables[id].fault) for id in left)
            busy = needed or table.id in self.held.values()
            if not busy:
                left.discard(table.id)
            yield f"destroy {table.id}{_errno('EBUSY' if busy else '0')}"

    def detached(self) -> Iterator[str]:
        """What is left attached to a PASID, and does not go with the device."""
        return iter(())


RANKS = {"ioas": 0, "queue": 0, "paging": 1, "nested": 2}


class _Mock(_Device):
    """On the kernel's mock device; a second one, with an address space of its own, makes tables."""

    def begin(self) -> Iterator[str]:
        if not self.device.max_pasids:
            raise Unfit("its device has no PASIDs, and a mock device has at least one")
        yield "ioas _I"
        yield "device _D _I pasid"
        yield from self.making("_D")
        first = self.vector.steps[0]
        if first.operation == "iommufd_attach" and not first.pasid:
            return
        changes = ("iommufd_attach", "iommufd_replace", "iommufd_detach")
        if any(s.operation in changes and not s.pasid for s in self.vector.steps):
            raise Unfit("its device has nothing for DMA without a PASID, and a mock device has")
        yield "paging _R _D _I pasid"
        yield f"device {self.name} _R{self.flags}"

    @property
    def name(self) -> str:
        """What the device is called in the lines."""
        return "D"

    @property
    def flags(self) -> str:
        """What its device can."""
        return " pasid" * (self.device.max_pasids > 1) + " no-dirty" * (
            self.device.name == "no-dirty"
        )

    def step(self, step: Expected) -> Iterator[str]:
        kind, pasid = step.operation, self.number(step.pasid)
        table, ends = step.arguments.get("table"), _errno(step.result)
        if kind == "iommufd_attach" and not pasid:
            if step is not self.vector.steps[0]:
                raise Unfit("it attaches for DMA without a PASID once more than a mock device")
            yield f"device {self.name} {table}{self.flags}{ends}"
        elif kind == "iommufd_replace" and not pasid:
            yield f"rid {self.name} {table}{ends}"
        elif kind == "iommufd_detach" and not pasid:
            raise Unfit("a mock device is never without something for DMA without a PASID")
        elif kind in ("iommufd_attach", "iommufd_replace"):
            yield f"{kind.partition('_')[2]} {self.name} {pasid} {table}{ends}"
        elif kind == "iommufd_detach":
            yield f"detach {self.name} {pasid}{ends}"
        elif kind == "handle_get":
            yield f"check {self.name} {pasid} {step.found or '-'}"
        elif kind == "iommufd_alloc":
            yield self.alloc(step)
        elif kind == "iommufd_destroy":
            yield f"destroy {table}{ends}"
        elif kind == "iommufd_hw_info":
            yield f"width {self.name} {WIDTH if self.device.max_pasids > 1 else 0}{ends}"
        elif kind == "page_request":
            yield f"arrive {self.name} {pasid}"
            if step.result != "0":
                yield from (f"read {id} = {errno.EAGAIN}" for id in self.queues)
        elif kind == "fault_read":
            yield f"read {step.arguments['queue']}{_errno('0' if step.found else 'EAGAIN')}"
        elif kind == "fault_write":
            yield f"answer {step.arguments['queue']}{ends}"
        else:
            raise Unfit(f"user space has no {kind} on a mock device")
        if kind in ("iommufd_attach", "iommufd_replace", "iommufd_detach") and pasid:
            held = self.held.get(step.pasid)
            if step.result == "0":
                held = None if kind == "iommufd_detach" else table
            yield f"check {self.name} {pasid} {held or '-'}"

    def detached(self) -> Iterator[str]:
        return (f"detach {self.name} {self.number(pasid)}" for pasid in self.held if pasid)

    def alloc(self, step: Expected) -> str:
        """A table that the vector makes itself."""
        of = step.arguments["table"]
        words = str(step.arguments.get("flags") or "").split()
        words = [word if word in ("pasid", "parent") else f"fault={word}" for word in words]
        of_table = self.tables.get(of)
        kind = "nested" if of_table and of_table.kind in ("paging", "nested") else "paging"
        if step.result == "0":
            self.tables["new"] = TableSpec("new", kind, of)
        return " ".join([kind, "new", "_D", of, *words]) + _errno(step.result)

    def number(self, pasid: int) -> int:
        """The PASID that stands for one: out of range if that is."""
        limit = self.device.max_pasids
        return pasid if pasid < limit or limit == 1 else (1 << WIDTH) + pasid - limit

    @property
    def queues(self) -> list[str]:
        return [table.id for table in self.tables.values() if table.kind == "queue"]


class _Raw(_Mock):
    """A device without an IOMMU: the mock's reads memory by its processor, and has no PASIDs."""

    def begin(self) -> Iterator[str]:
        yield "ioas _I"
        yield "device _D _I pasid"
        yield from self.making("_D")

    def step(self, step: Expected) -> Iterator[str]:
        kind, table = step.operation, step.arguments.get("table")
        if kind == "iommufd_destroy":
            yield from super().step(step)
        elif step.pasid or kind not in ("iommufd_attach", "iommufd_replace"):
            raise Unfit("a device without an IOMMU can only be given an address space here")
        elif (kind == "iommufd_attach") == bool(self.held):
            raise Unfit("a mock device without an IOMMU is made with an address space")
        else:
            yield f"access D {table}{_errno(step.result)}"


class _Vfio(_Device):
    """On QEMU's device, through VFIO. It has no PASIDs, which nobody looks at (ATT-14)."""

    def __init__(self, vector: Vector) -> None:
        super().__init__(vector)
        needed = {s.arguments["table"] for s in vector.steps if "table" in s.arguments}
        for kind in ("nested", "paging"):
            needed |= {t.of for t in self.tables.values() if t.id in needed and t.kind == kind}
        taken = {s.arguments.get("table") for s in vector.steps if s.result == "0"}
        for id, table in list(self.tables.items()):
            if id not in needed:
                del self.tables[id]
            elif table.kind == "queue" or (table.kind == "nested" and id in taken):
                raise Unfit("QEMU's VT-d has no nested tables and no page requests")
            elif table.kind == "nested":  # it is refused whatever it is
                parent = self.tables[table.of]
                self.tables[id] = table._replace(kind="paging", of=parent.of, fault="")
        for id, table in self.tables.items():
            self.tables[id] = table._replace(parent=False)

    def begin(self) -> Iterator[str]:
        if self.device.max_pasids and any(
            s.pasid >= self.device.max_pasids for s in self.vector.steps
        ):
            raise Unfit("QEMU's device has no PASIDs, and none is out of its range")
        yield f"vfio D {PCI}"
        yield from self.making("D")

    def step(self, step: Expected) -> Iterator[str]:
        kind, ends = step.operation, _errno(step.result)
        table, odd = step.arguments.get("table"), step.arguments.get("odd")
        words = [f"pasid={step.pasid}"] * (step.pasid > 0 or odd == "PASID 0")
        copies = [f.nth for f in step.faults]
        words += ["short"] * (odd == "short")
        words += ["unreadable"] * (1 in copies) + ["read-only"] * (2 in copies)
        if odd not in (None, "short", "PASID 0"):
            raise Unfit(f"user space has no call that is {odd}")
        attached = step.pasid in self.held
        if kind in ("iommufd_attach", "iommufd_replace") and attached == (kind == "iommufd_attach"):
            raise Unfit("VFIO replaces what is attached, and attaches what is not")
        if kind in ("iommufd_attach", "iommufd_replace", "vfio_attach"):
            yield " ".join(["vattach", "D", str(table), *words]) + ends
        elif kind in ("iommufd_detach", "vfio_detach"):
            if kind == "iommufd_detach" and not attached:
                raise Unfit("VFIO detaches only what it has attached")
            yield " ".join(["vdetach", "D", *words]) + ends
        elif kind == "vfio_unbind":
            yield "close D"
        else:
            raise Unfit(f"VFIO has no {kind}")


def _errno(name: str) -> str:
    return "" if name == "0" else f" = {getattr(errno, name)}"
